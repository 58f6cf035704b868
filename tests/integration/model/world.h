// SPDX-License-Identifier: LGPL-2.1-or-later
// What the model and the soak need to know of where they run: the fake PID 1 on a bus of its own, or a guest.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

namespace scopewright::integration::model {

struct World {
    std::string root;      ///< where the cgroup hierarchy is mounted
    std::string slice;     ///< the control group below which all scopes are
    bool enforces = false; ///< PID 1 writes its units' limits to the kernel

    std::function<pid_t()> daemon;                        ///< its process; 0 if there is none
    std::function<void()> crash;                          ///< SIGKILL to the daemon, and waits until it is dead
    std::function<void()> leave;                          ///< SIGTERM, the same
    std::function<void()> reload;                         ///< daemon-reload
    std::function<void(const std::string&)> end;          ///< `systemctl stop` of a unit
    std::function<void(const std::string&, pid_t)> start; ///< a scope that somebody else makes, in the slice
    std::function<std::vector<std::string>()> units;      ///< the scopes in the slice that PID 1 knows

    /// What any PID 1 can be asked: `units` and `start`.
    World();

    std::string directory(const std::string& controlGroup) const { return root + controlGroup; }
};

} // namespace scopewright::integration::model
