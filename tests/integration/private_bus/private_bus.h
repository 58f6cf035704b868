// SPDX-License-Identifier: LGPL-2.1-or-later
// A bus of this test's own, with the fake PID 1 on it, and the real daemon, which that bus starts for a call.
#pragma once

#include "child.h"
#include "client.h"
#include "program.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace scopewright::integration {

/// A directory that is gone with all that is in it at the end.
class Directory {
public:
    Directory();
    Directory(Directory&&) = delete;
    ~Directory();

    std::string path(const std::string& name = "") const { return path_ + "/" + name; }
    std::string write(const std::string& name, const std::string& content) const;

private:
    std::string path_;
};

/// The daemon's program, and its interfaces and policy in the source tree.
std::string daemonProgram();
std::string sourceFile(const std::string& name);

class PrivateBus {
public:
    /// `version` is what the fake PID 1 says it is; without it there is none on the bus. `policy` comes after the
    /// daemon's own.
    explicit PrivateBus(const std::optional<std::string>& version = "252.39-1~deb12u2", const std::string& policy = "");
    PrivateBus(PrivateBus&&) = delete;
    ~PrivateBus();

    /// A file in the directory that the daemon takes for /run.
    void configure(const std::string& toml) const;

    /// From the next one on daemons ask the fake PID 1 on its own socket, as on a real system, and not through this
    /// bus.
    void useSocket() const;

    /// The daemon, started by hand; ready when it owns its name.
    std::unique_ptr<Program> start() const;

    /// SIGKILL to the bus daemon.
    void kill();

    /// Of the cgroup hierarchy, and where in it the fake PID 1 keeps its units, as /proc/PID/cgroup would write it.
    const std::string& mountPoint() const noexcept { return mountPoint_; }
    const std::string& prefix() const noexcept { return prefix_; }
    bool exists(const std::string& controlGroup) const;
    std::vector<std::string> tree() const;

    /// What the fake PID 1 was asked.
    std::vector<std::string> log(const Client& client) const;

    std::vector<std::string> command() const;

private:
    Directory directory_;
    std::unique_ptr<Program> bus_;
    std::unique_ptr<Program> systemd_;
    std::string mountPoint_;
    std::string prefix_;
    std::string socket_;
};

/// CreateSandbox of one process; its control group.
std::string create(const Client& client, const std::string& id, const Child& child, const std::string& token = "");

} // namespace scopewright::integration
