// SPDX-License-Identifier: LGPL-2.1-or-later
// The one JobRemoved watch. A watch is armed before the call that makes the job, and remembers signals that come
// before the reply, so that no order of the two loses the result.
#pragma once

#include "async/completion.h"
#include "bus/bus.h"
#include "bus/loop.h"
#include "systemd/link.h"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace scopewright::systemd {

/// A job, and the connection that gave it: that one alone can say how it ended. Anybody on the bus can send a signal
/// that looks like PID 1's.
struct Job {
    std::string path;
    std::string giver;

    bool operator==(const Job&) const = default;
};

class Jobs {
public:
    explicit Jobs(Link& link);
    Jobs(Jobs&&) = delete;

    class Watch {
    public:
        Watch(Jobs& jobs, std::string unit);
        Watch(Watch&&) = delete;
        ~Watch();

        /// The result of `job`, one of systemd's words ("done", "failed", …); nothing if it is not over within
        /// `patience`.
        async::Task<std::optional<std::string>> result(Job job, bus::Microseconds patience);

    private:
        friend class Jobs;
        void removed(const Job& job, const std::string& result);

        Jobs& jobs_;
        std::string unit_;
        Job awaited_;
        std::vector<std::pair<Job, std::string>> seen_;
        async::Completion<bool>* waiting_ = nullptr;
    };

    /// `others` hears of units whose job was done and that nobody watches.
    void onOthers(std::function<void(const std::string& unit)> others) { others_ = std::move(others); }

private:
    static int onJobRemoved(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept;

    Link& link_;
    std::multimap<std::string, Watch*> watches_;
    std::function<void(const std::string&)> others_;
    Link::Watch jobRemoved_;
};

} // namespace scopewright::systemd
