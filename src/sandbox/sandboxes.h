// SPDX-License-Identifier: LGPL-2.1-or-later
// The registry of sandboxes and what can be done with them. The verbs stand in files of their own: create.cpp,
// stop.cpp, recover.cpp, update.cpp, drift.cpp, refusals.cpp.
#pragma once

#include "async/completion.h"
#include "async/scope.h"
#include "bus/bus.h"
#include "cgroup/group.h"
#include "cgroup/watch.h"
#include "config/config.h"
#include "limits/drift.h"
#include "sandbox/groups.h"
#include "sandbox/sandbox.h"
#include "sandbox/spec.h"
#include "systemd/manager.h"
#include "systemd/units.h"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace scopewright::sandbox {

class Sandboxes : public systemd::UnitsObserver {
public:
    /// `config` may change under this object; each operation reads it when it begins.
    Sandboxes(sd_event* event, systemd::Manager& systemd, unsigned systemdVersion, cgroup::Group root,
              const config::Config& config, Observer& observer);

    /// Learns from PID 1 and the kernel what exists, and finishes what an earlier daemon began.
    async::Task<void> recover();

    /// Returns when the scope runs, its processes sit in its payload and all is settled; or throws, with everything as
    /// it was. The same token again joins or answers with the same sandbox.
    async::Task<Key> create(SandboxSpec spec);

    const Group& createGroup(const Key& key, const GroupSpec& spec);
    void removeGroup(const Key& key, const std::string& name);

    /// Merges `wanted` into what the sandbox, or the group, was asked for, and puts that in force. On an error what was
    /// before still is.
    async::Task<void> update(Key key, limits::Resources wanted);
    void updateGroup(const Key& key, const std::string& name, const limits::Resources& wanted);

    /// What administrators have set otherwise, of those of `keys` that can be asked; PID 1 sends no signal for it.
    using Overrides = std::map<Key, std::vector<limits::Override>>;
    async::Task<Overrides> allOverrides(std::vector<Key> keys);

    /// What would become of a request: PID 1's version and the hierarchy's controllers decide.
    limits::Context planningContext(const limits::Resources& resources) const;

    /// Kills every process and returns when nothing of the sandbox is left.
    async::Task<void> stop(Key key);

    /// Sends a signal to every process of the sandbox.
    async::Task<void> kill(Key key, int signal, uid_t caller);

    /// NoSuchSandbox if there is none.
    const Sandbox& at(const Key& key) const;
    /// The sandbox below whose scope `controlGroup` lies, if any.
    const Sandbox* containing(std::string_view controlGroup) const;
    const std::map<Key, Sandbox>& all() const noexcept { return sandboxes_; }

    const cgroup::Group& root() const noexcept { return root_; }

    /// What waits here is not woken any more: call it before its tasks are destroyed.
    void close() noexcept { changed_.close(); }

    /// Operations that go on without a caller waiting for them.
    bool busy() const noexcept { return background_.running() > 0; }

    void recheck(const std::string& unit) override;
    void recheckAll() override;

private:
    class Reservation;
    Sandbox* find(const Key& key);
    Sandbox& running(const Key& key);
    void changeState(Sandbox& sandbox, State state);
    void announce(Sandbox& sandbox);
    void retire(const Key& key);

    /// Throws unless the request's processes may be moved and its owner may have another sandbox.
    void admit(SandboxSpec& spec) const;
    cgroup::Group scopeOf(const Sandbox& sandbox);
    GroupRules groupRules() const;

    // refusals.cpp, update.cpp
    async::Task<bool> taken(async::Task<void> call, const Properties& properties);
    limits::ScopePlan plan(const limits::Resources& resources, bool starting) const;
    async::Task<void> change(Key key, limits::Resources before, limits::Resources merged);
    async::Task<void> goBack(Key key, Properties back, limits::Resources emptied);
    async::Task<void> putInForce(Key key, limits::Resources merged, bool growing, limits::Standing standing);

    // drift.cpp
    async::Task<void> watchFiles();
    void watch(Sandbox& sandbox);
    void unwatch(const Sandbox& sandbox);
    void restore(Sandbox& sandbox);
    async::Task<std::vector<limits::Override>> overridesOf(Key key);

    // create.cpp
    async::Task<void> takeTurn(const SandboxSpec& spec, bool& exists);
    async::Task<void> join(Key key, std::string token, std::string request);
    Properties scopeProperties(const SandboxSpec& spec, const limits::ScopePlan& plan) const;
    async::Task<void> launch(SandboxSpec& spec);
    async::Task<void> startUnit(SandboxSpec& spec, const Properties& properties);
    async::Task<bool> startedAfterAll(SandboxSpec& spec);
    async::Task<std::string> verify(SandboxSpec& spec);
    cgroup::Group furnish(const cgroup::Group& scope, const state::Record& record) const;
    async::Task<void> leadBack(SandboxSpec& spec);
    async::Task<void> leadBackLater(SandboxSpec spec);

    // stop.cpp
    async::Task<void> end(std::string unit, std::string controlGroup);
    /// False if something lives in it after all that time.
    async::Task<bool> emptied(const cgroup::Group& group, bus::Microseconds patience);
    async::Task<void> runOn(Key key);

    // recover.cpp
    void settleLater(const std::string& unit);
    async::Task<void> settleDue();
    async::Task<bool> trySettle(std::string unit);
    /// False if PID 1 is still at work on the unit, or has just been asked to stop it.
    async::Task<bool> settleOnce(std::string unit);
    async::Task<bool> settleSeen(std::string unit, std::optional<systemd::Unit> seen);
    void load(const systemd::Unit& unit, const state::Record& record, const cgroup::Group& scope,
              const std::string& controlGroup);

    sd_event* event_;
    systemd::Manager& systemd_;
    unsigned systemdVersion_;
    cgroup::Group root_;
    const config::Config& config_;
    Observer& observer_;
    std::map<Key, Sandbox> sandboxes_;
    std::map<std::string, Key> byUnit_;
    std::set<std::string> due_; ///< units to be looked at again
    bool settling_ = false;
    std::vector<std::string> notTaken_; ///< see limits::Context
    cgroup::Watch watch_;
    std::map<int, Key> watched_;
    async::Broadcast changed_;
    async::Scope background_; ///< last, so that its tasks end before what they use
    async::Scope watching_;   ///< what runs as long as this does and is no work
};

} // namespace scopewright::sandbox
