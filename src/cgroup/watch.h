// SPDX-License-Identifier: LGPL-2.1-or-later
// Tells when somebody, PID 1 or an administrator, has written to a file of a group.
#pragma once

#include "base/fd.h"
#include "cgroup/group.h"

#include <set>

namespace scopewright::cgroup {

class Watch {
public:
    /// Among the numbers when there was more than the kernel could tell.
    static constexpr int kAll = -1;

    Watch() noexcept;

    /// False if the kernel has no room for another watcher; then it watches nothing.
    explicit operator bool() const noexcept { return static_cast<bool>(inotify_); }

    /// Readable when there is something to take.
    int fd() const noexcept { return inotify_.value(); }

    /// A number for this group, until it is gone or removed; -1 if the kernel has no room for another one.
    int add(const Group& group) const noexcept;
    void remove(int number) const noexcept;

    /// The numbers of the groups in which a file was written since the last time.
    std::set<int> take() const;

private:
    UniqueFd inotify_;
};

} // namespace scopewright::cgroup
