// SPDX-License-Identifier: LGPL-2.1-or-later
// A process that a caller named: held by pidfd, looked at through one /proc directory, allowed or refused.
#pragma once

#include "base/fd.h"
#include "cgroup/group.h"

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace scopewright::sandbox {

class Process {
public:
    /// By number. The number can be another process's by the time it is used, so everything is checked against the
    /// pidfd: while that one lives, its number belongs to nobody else.
    static Process byNumber(std::uint32_t number);

    /// By the caller's pidfd, of which this keeps a copy.
    static Process byFd(int pidfd);

    pid_t pid() const noexcept { return pid_; }
    int pidfd() const noexcept { return pidfd_.value(); }

    /// False once the process has exited, even if nobody has reaped it.
    bool alive() const noexcept;

    /// Throws if the kernel does not let this daemon; a process that is gone needs no signal any more.
    void signal(int signal) const;

    /// Its cgroup now, relative to the root of the unified hierarchy; empty if it is gone.
    std::string controlGroup() const;

    /// Where it was when it was named, and the way back to there.
    const std::string& sourceControlGroup() const noexcept { return sourcePath_; }
    const std::optional<cgroup::Group>& source() const noexcept { return source_; }

    /// Throws unless `uid` may have this process moved: never PID 1, a kernel thread, a zombie, a process whose leader
    /// has exited, this daemon; and for others than root only a process that is theirs throughout.
    void checkMovableBy(uid_t uid) const;

    /// Throws unless uids mean the same to it as to `caller`, as far as can be seen without the right to trace it: two
    /// processes of one uid can be of different power when their user namespaces differ.
    void checkUserNamespaceOf(pid_t caller) const;

    /// Remembers where the process is, and holds that group open, so that a rollback can lead it back.
    void rememberSource(const cgroup::Group& root);

private:
    Process(pid_t pid, UniqueFd pidfd) noexcept : pid_(pid), pidfd_(std::move(pidfd)) {}

    pid_t pid_;
    UniqueFd pidfd_;
    std::string sourcePath_;
    std::optional<cgroup::Group> source_;
};

using Processes = std::vector<Process>;

/// Whether `caller` and this daemon mean the same process by the same number: false if it lives in a pid namespace of
/// its own, or is gone.
bool sharesPidNamespace(pid_t caller);

/// The process to which a thread belongs; 0 if it is gone.
pid_t processOfThread(pid_t tid);

/// 0 if there is none, or no such process.
pid_t parentOf(pid_t pid);

/// The group of `pid`, a process or a thread, in the unified hierarchy; empty if it is gone.
std::string controlGroupOf(pid_t pid);

} // namespace scopewright::sandbox
