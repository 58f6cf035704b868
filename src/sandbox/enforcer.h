// SPDX-License-Identifier: LGPL-2.1-or-later
// Keeps in force what sandboxes and their groups were asked for: plans it for this PID 1, changes it, and brings back
// what somebody else has written over. The verbs stand in update.cpp, drift.cpp and refusals.cpp.
#pragma once

#include "async/task.h"
#include "limits/drift.h"
#include "sandbox/groups.h"
#include "sandbox/registry.h"

#include <map>
#include <string>
#include <vector>

namespace scopewright::sandbox {

class Enforcer {
public:
    Enforcer(const Host& host, Registry& registry) : host_(host), registry_(registry) {}

    /// Merges `wanted` into what the sandbox, or the group, was asked for, and puts that in force. On an error what was
    /// before still is.
    async::Task<void> update(Key key, limits::Resources wanted);
    void updateGroup(const Key& key, const std::string& name, const limits::Resources& wanted);

    /// Carries out the updates in the middle of which an earlier daemon died.
    async::Task<void> resume(Key key);

    /// What administrators have set otherwise, of those of `keys` that can be asked; PID 1 sends no signal for it.
    using Overrides = std::map<Key, std::vector<limits::Override>>;
    async::Task<Overrides> allOverrides(std::vector<Key> keys);

    /// What would become of a request: PID 1's version and the hierarchy's controllers decide.
    limits::Context planningContext(const limits::Resources& resources) const;
    limits::ScopePlan plan(const limits::Resources& resources, bool starting) const;
    GroupRules groupRules() const;

    /// Awaits `call`, which sent `properties`. False if PID 1 lacks one of them, which every plan leaves out from now
    /// on: plan and call again. That happens as often as there are properties to learn of, and in all once for each.
    async::Task<bool> taken(async::Task<void> call, const Properties& properties);

    /// Writes again what only we write and somebody else has changed.
    void restore(Sandbox& sandbox);
    /// Does that whenever the kernel tells of a write, for ever.
    async::Task<void> watchFiles();

private:
    async::Task<void> carryOut(Key key, limits::Resources merged);
    async::Task<void> change(Key key, limits::Resources before, limits::Resources merged);
    async::Task<void> goBack(Key key, Properties back, limits::Resources emptied);
    async::Task<void> putInForce(Key key, limits::Resources merged, bool growing, limits::Standing standing);
    async::Task<std::vector<limits::Override>> overridesOf(Key key);

    const Host& host_;
    Registry& registry_;
    std::vector<std::string> notTaken_; ///< see limits::Context
};

} // namespace scopewright::sandbox
