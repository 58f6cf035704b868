// SPDX-License-Identifier: LGPL-2.1-or-later
// A process of this test: started in a control group of its own, killed and reaped at the end.
#pragma once

#include "cgroup_tree.h"

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>

namespace scopewright::fake {

class Child {
public:
    enum class Kind {
        Sleeping,    ///< waits for the end
        Zombie,      ///< has exited and nobody reaped it
        SplitLeader, ///< its first thread has exited, another one waits
        OtherUid,    ///< sleeping, with uid and gid 65534
        Forking,     ///< makes a short-lived child again and again
        Namespaced,  ///< sleeping, the first process of a pid namespace of its own
    };

    /// Below `controlGroup`, which is made if it is not there.
    Child(const CgroupTree& tree, const std::string& controlGroup, Kind kind = Kind::Sleeping);
    Child(Child&&) = delete;
    ~Child();

    pid_t pid() const noexcept { return pid_; }
    std::uint32_t number() const noexcept { return static_cast<std::uint32_t>(pid_); }
    int pidfd() const noexcept { return pidfd_; }

    /// Not even a zombie counts as alive.
    bool alive() const;

    /// Where it lives now.
    std::string controlGroup() const { return CgroupTree::ofProcess(pid_); }

    /// SIGKILL, and wait until it is dead; it stays a zombie until reap().
    void kill();
    void reap();

private:
    pid_t pid_ = -1;
    int pidfd_ = -1;
    bool reaped_ = false;
};

/// Does `act` throw when a process of this uid (and gid) does it?
bool refusedTo(uid_t uid, const std::function<void()>& act);

} // namespace scopewright::fake
