// SPDX-License-Identifier: LGPL-2.1-or-later
// Tells what somebody, PID 1 or an administrator, has done to groups: written to a file, or removed one.
#pragma once

#include "base/fd.h"
#include "cgroup/group.h"

#include <set>
#include <string>
#include <utility>

namespace scopewright::cgroup {

class Watch {
public:
    /// Among the numbers when there was more than the kernel could tell.
    static constexpr int kAll = -1;

    enum class For { Writes, Removals };
    explicit Watch(For what) noexcept;

    /// False if the kernel has no room for another watcher; then it watches nothing.
    explicit operator bool() const noexcept { return static_cast<bool>(inotify_); }

    /// Readable when there is something to take.
    int fd() const noexcept { return inotify_.value(); }

    /// A number for this group, until it is gone or removed; -1 if the kernel has no room for another one.
    int add(const Group& group) const noexcept;
    void remove(int number) const noexcept;

    /// The numbers of the groups in which that has happened since the last time; and the name of what was removed.
    std::set<std::pair<int, std::string>> take() const;

private:
    For what_;
    UniqueFd inotify_;
};

} // namespace scopewright::cgroup
