// SPDX-License-Identifier: LGPL-2.1-or-later
// Everything that a crash of the daemon must not disturb, and how it is looked at: through the daemon's own interface,
// PID 1's, the cgroup tree and /proc.
#pragma once

#include "child.h"
#include "client.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace scopewright::integration {

/// What there is, one line each: "file web.scope/payload/cgroup.max.depth" → "8". Numbers of processes, tokens and
/// digests are not in it.
using Snapshot = std::map<std::string, std::string>;

/// The lines in which they differ.
std::vector<std::string> differences(const Snapshot& expected, const Snapshot& found);

/// Where a sweep happens.
struct Place {
    std::string mountPoint;        ///< of the cgroup hierarchy
    std::string below;             ///< the control group below which PID 1 puts the scopes
    std::function<void()> restart; ///< starts a new daemon if the next call does not do so by itself
};

class World {
public:
    /// In it are a sandbox and a scope that are none of an operation's business.
    explicit World(Place place);
    World(World&&) = delete;
    ~World();

    Client client;

    /// A new process of that name.
    Child& child(const std::string& name);
    Child& at(const std::string& name) { return *children_.at(name); }
    std::vector<std::uint32_t> pids(const std::vector<std::string>& names) const;

    /// CreateSandbox of `id`, with new processes of these names.
    void sandbox(const std::string& id, const std::vector<std::string>& processes, const Properties& more = {});

    /// A scope as somebody else would make it, with a new process of that name.
    void scope(const std::string& unit, const std::string& process);

    /// Throws what the daemon answers if it is not success.
    template <class... Args>
    const Answer must(const char* member, const Args&... args) const {
        Answer answer = client.manager(member, args...);
        answer.must();
        return answer;
    }

    /// The directory of the group in which that process lives.
    std::string directory(const std::string& process) const;

    pid_t daemon() const;
    /// Once PID 1 has answered, the bus has passed on everything that it said before.
    void askPid1() const;
    bool hasUnit(const std::string& unit) const;

    /// Waits until the bus knows that the daemon is gone, and sees to it that the next call finds another.
    void restart() const;

    Snapshot snapshot() const;

    /// Ends what an operation has left behind. What is there then that was not there at the beginning, or the other way
    /// round.
    std::vector<std::string> clear();

private:
    template <class... Args>
    Answer pid1(const char* member, const Args&... args) const;
    void addSandboxes(Snapshot& snapshot) const;
    void addUnits(Snapshot& snapshot) const;
    void addGroups(Snapshot& snapshot) const;
    void addProcesses(Snapshot& snapshot) const;

    Place place_;
    std::map<std::string, std::unique_ptr<Child>> children_;
    Snapshot beginning_;
};

} // namespace scopewright::integration
