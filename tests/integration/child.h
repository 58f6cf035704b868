// SPDX-License-Identifier: LGPL-2.1-or-later
// A process of this test: started, killed and reaped by it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace scopewright::integration {

class Child {
public:
    /// What the new process does; it calls `ready` once it is what it is to be. Returning ends it.
    using Life = std::function<void(const std::function<void()>& ready)>;

    /// Sleeps until it is killed.
    Child() : Child(sleep) {}
    explicit Child(const Life& life);
    Child(Child&&) = delete;
    ~Child();

    static void sleep(const std::function<void()>& ready);
    static void ignoreTerm(const std::function<void()>& ready);  ///< … and SIGTERM does not kill it
    static void fork(const std::function<void()>& ready);        ///< … and forks all the time
    static void splitLeader(const std::function<void()>& ready); ///< its first thread exits, another one sleeps
    static Life grow(int descendants); ///< … and forks that many, slowly enough to be watched
    static Life ofUid(uid_t uid);
    static Life exitAfter(int microseconds);

    pid_t pid() const noexcept { return pid_; }
    std::uint32_t number() const noexcept { return static_cast<std::uint32_t>(pid_); }
    int pidfd() const noexcept { return pidfd_; }

    /// Not even a zombie counts as alive.
    bool alive() const;

    /// Where it lives now, as /proc/PID/cgroup says.
    std::string controlGroup() const;

    /// SIGKILL, and waits until it is dead; a zombie then, until reap().
    void kill();
    void reap();

private:
    pid_t pid_ = -1;
    int pidfd_ = -1;
    bool reaped_ = false;
};

/// As CreateSandbox's PIDs takes them.
std::vector<std::uint32_t> numbers(const std::vector<const Child*>& children);

std::string controlGroupOf(pid_t pid);

} // namespace scopewright::integration
