// SPDX-License-Identifier: LGPL-2.1-or-later
// Hears from the kernel that the directory of a scope is gone.
#pragma once

#include "bus/loop.h"
#include "cgroup/group.h"
#include "cgroup/watch.h"

#include <functional>
#include <map>
#include <string>
#include <utility>

namespace scopewright::sandbox {

class Departures {
public:
    explicit Departures(sd_event* event);
    Departures(Departures&&) = delete;

    /// Calls `told`, from the loop, once the directory `path` goes. Never, if it was gone before, if the kernel has no
    /// room for another watcher, or had more to tell than it could; and not after this has ended.
    class Notice {
    public:
        Notice(Departures& departures, const cgroup::Group& root, const std::string& path, std::function<void()> told);
        Notice(Notice&&) = delete;
        ~Notice();

    private:
        friend class Departures;

        Departures& departures_;
        std::pair<int, std::string> place_; ///< the number of the directory above, and the name in it
        std::function<void()> told_;
    };

private:
    static int onRemovals(sd_event_source*, int, std::uint32_t, void* userdata) noexcept;

    cgroup::Watch watch_{cgroup::Watch::For::Removals};
    std::multimap<std::pair<int, std::string>, Notice*> waiting_;
    bus::Source source_;
};

} // namespace scopewright::sandbox
