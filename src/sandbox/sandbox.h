// SPDX-License-Identifier: LGPL-2.1-or-later
// One sandbox and its groups, as this daemon knows them. The kernel and PID 1 are the truth; this is what was last
// seen.
#pragma once

#include "limits/plan.h"
#include "sandbox/names.h"
#include "state/record.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace scopewright::sandbox {

enum class State { Starting, Running, Frozen, Stopping };

const char* toString(State state);

/// The directory that holds a sandbox's processes.
inline constexpr const char* kPayload = "payload";

/// Kinds of the groups that callers make.
inline constexpr const char* kCompat = "compat";
inline constexpr const char* kProcess = "process";

struct Group {
    std::string name;
    std::string kind; ///< "payload", "process" or "compat"
    std::string controlGroup;
    limits::SharedResources resources;
    std::vector<limits::Skip> skipped;

    bool holdsProcesses() const noexcept { return kind != kCompat; }
};

struct Sandbox {
    Key key;
    std::uint64_t serial = 0; ///< no other one has had it: after a wait the key may be another sandbox's
    std::string unit;
    std::string slice;
    std::string controlGroup;
    state::Record record;
    State state = State::Starting;
    std::chrono::steady_clock::time_point changedAt; ///< its state, as far as this daemon knows
    bool announced = false;                          ///< clients have been told of it
    bool jobDone = false;                            ///< PID 1 has ended it for somebody else
    std::string underway; ///< "updated", "frozen": an operation that waits; empty if there is none
    int watch = -1;       ///< its number in the watch for what others write
    std::map<std::string, std::string> stubborn; ///< see restoreFiles()
    limits::SharedResources resources;
    std::vector<limits::Skip> skipped;
    std::map<std::string, Group> groups; ///< by name

    bool up() const noexcept { return state == State::Running || state == State::Frozen; }
};

/// Told of every change that a client can see.
class Observer {
public:
    virtual void sandboxAdded(const Sandbox& sandbox) = 0;
    /// `reason` is a word for programs: see Removed in org.scopewright1(5).
    virtual void sandboxRemoved(const Sandbox& sandbox, const std::string& reason) = 0;
    virtual void stateChanged(const Sandbox& sandbox) = 0;
    virtual void groupAdded(const Sandbox& sandbox, const Group& group) = 0;
    virtual void resourcesChanged(const Sandbox& sandbox) = 0;
    virtual void groupChanged(const Sandbox& sandbox, const Group& group) = 0;
    virtual void groupRemoved(const Sandbox& sandbox, const Group& group) = 0;

protected:
    ~Observer() = default;
};

} // namespace scopewright::sandbox
