// SPDX-License-Identifier: LGPL-2.1-or-later
// What can be done with sandboxes. The verbs stand in files of their own: create.cpp, adopt.cpp, attach.cpp,
// freeze.cpp, kill.cpp, stop.cpp; what limits them in enforcer.h.
#pragma once

#include "async/scope.h"
#include "base/rate.h"
#include "bus/turns.h"
#include "sandbox/departures.h"
#include "sandbox/enforcer.h"
#include "sandbox/recovery.h"
#include "sandbox/registry.h"
#include "sandbox/remains.h"
#include "sandbox/spec.h"
#include "sandbox/wait.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace scopewright::sandbox {

/// A key and a unit that are taken from now on, so that a second request finds them taken; given back unless kept.
class Reservation {
public:
    Reservation(Registry& registry, const SandboxSpec& spec);
    Reservation(Reservation&&) = delete;
    ~Reservation();
    void keep() noexcept { registry_ = nullptr; }

private:
    Registry* registry_;
    Key key_;
};

class Sandboxes {
public:
    Sandboxes(const Host& host, Observer& observer);

    /// Learns from PID 1 and the kernel what exists, and finishes what an earlier daemon began.
    async::Task<void> recover();

    /// Returns when the scope runs, its processes sit in its payload and all is settled; or throws, with everything as
    /// it was. The same token again joins or answers with the same sandbox.
    async::Task<Key> create(SandboxSpec spec);

    /// The same for a scope that runs already: its processes move to the payload. On an error they are back.
    async::Task<Key> adopt(SandboxSpec spec);

    const Group& createGroup(const Key& key, const GroupSpec& spec, uid_t caller);
    /// Returns when the directory is gone; Busy if a process lives in it.
    async::Task<void> removeGroup(Key key, std::string name);
    /// The group's directory, for clone3(2).
    UniqueFd openDirectory(const Key& key, const std::string& name) const;

    /// Moves processes into a group that holds some: all, or none.
    void attach(const Key& key, const std::string& group, Processes processes, uid_t caller);

    /// Returns when no process of the sandbox runs any more; Timeout if one does not stop in time, and then all run.
    async::Task<void> freeze(Key key);
    async::Task<void> thaw(Key key);

    /// Kills every process and returns when nothing of the sandbox is left.
    async::Task<void> stop(Key key);

    /// Sends a signal to every process of the sandbox.
    async::Task<void> kill(Key key, int signal, uid_t caller);

    const Registry& registry() const noexcept { return registry_; }
    Enforcer& enforcer() noexcept { return enforcer_; }
    systemd::UnitsObserver& unitsObserver() noexcept { return recovery_; }
    /// Those that there are for scopes.
    std::vector<std::string> controllers() const { return host_.top.controllers(); }

    /// How many groups that are gone the kernel still keeps: in all, and of a sandbox.
    std::uint64_t remains() const { return remainsBelow(host_.top); }
    std::uint64_t remainsOf(const Sandbox& sandbox) const;

    /// What waits here is not woken any more: call it before its tasks are destroyed.
    void close() noexcept { registry_.changed().close(); }

    /// Operations that go on without a caller waiting for them.
    bool busy() const noexcept { return background_.running() > 0; }

private:
    /// Throws unless the request's processes may be moved and its owner may have another sandbox.
    void admit(SandboxSpec& spec);
    void admitAnother(const SandboxSpec& spec) const;
    /// Throws unless `uid` may have the process moved from where it lives; into `target`, if it is not for a new one.
    void admitProcess(Process& process, uid_t uid, const Key* target) const;
    /// LimitsExceeded if `uid` has made too many groups lately.
    void admitNewGroup(uid_t uid);
    /// What was reserved is in its place.
    void settleIn(const SandboxSpec& spec, const std::string& controlGroup, std::vector<limits::Skip> skipped);

    // turn.cpp
    async::Task<bus::Turns::Turn> takeTurn(const SandboxSpec& spec);
    async::Task<void> join(Key key, std::string token, std::string request);

    // create.cpp
    Properties scopeProperties(const SandboxSpec& spec, const limits::ScopePlan& plan) const;
    async::Task<void> launch(SandboxSpec& spec);
    async::Task<void> startUnit(SandboxSpec& spec, const Properties& properties, std::function<void()> news);
    std::vector<limits::Skip> furnishAt(const std::string& path, const SandboxSpec& spec,
                                        const limits::ScopePlan& plan) const;
    std::optional<std::vector<limits::Skip>> furnishEarly(const SandboxSpec& spec, const limits::ScopePlan& plan,
                                                          const std::string& expected) const;
    async::Task<bool> startedAfterAll(SandboxSpec& spec);
    async::Task<std::string> verify(SandboxSpec& spec, int attempt);
    async::Task<void> leadBack(SandboxSpec& spec);
    async::Task<void> leadBackLater(SandboxSpec spec, bus::Turns::Turn turn);

    // adopt.cpp
    struct Former;
    async::Task<void> takeOver(SandboxSpec& spec, Former& former);
    async::Task<void> release(SandboxSpec& spec, Former& former);

    // freeze.cpp
    async::Task<bool> writeFrozen(std::vector<cgroup::Group>& groups, bool frozen, Deadline deadline);
    async::Task<void> setFrozen(Key key, bool frozen);

    // kill.cpp
    async::Task<void> killAll(std::string unit, std::string controlGroup);

    // stop.cpp
    async::Task<void> end(uid_t owner, std::string unit, std::string controlGroup, bool old);
    async::Task<void> letLeave(const cgroup::Group& scope, std::string unit, bool old);
    async::Task<void> stopUnit(uid_t owner, std::string unit, std::string controlGroup);
    async::Task<void> runOn(Key key, std::uint64_t serial);

    Host host_;
    Registry registry_;
    Enforcer enforcer_;
    Recovery recovery_;
    bus::Turns starts_;
    bus::Turns stops_; ///< which free what starts take, and do not wait behind them
    Rate newGroups_;   ///< of each group that has lived the kernel keeps the remains for a while
    RemainsWatch remains_;
    Departures departures_;
    async::Scope background_; ///< after what its tasks use
    async::Scope watching_;   ///< what runs as long as this does and is no work
};

} // namespace scopewright::sandbox
