// SPDX-License-Identifier: LGPL-2.1-or-later
// Finds out what exists and finishes what was begun, from what PID 1 and the kernel say: one path for the start, for
// signals and for reloads.
#pragma once

#include "async/scope.h"
#include "async/task.h"
#include "sandbox/enforcer.h"
#include "sandbox/registry.h"
#include "systemd/units.h"

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace scopewright::sandbox {

class Recovery final : public systemd::UnitsObserver {
public:
    Recovery(const Host& host, Registry& registry, Enforcer& enforcer, async::Scope& background)
        : host_(host), registry_(registry), enforcer_(enforcer), background_(background) {}

    /// Looks at every scope that PID 1 has.
    async::Task<void> run();

    /// Looks at one, now. False if PID 1 is still at work on it, or has just been asked to stop it.
    async::Task<bool> settleOnce(std::string unit);
    /// … in the background, until it is settled.
    void settleLater(const std::string& unit);

    void recheck(const std::string& unit) override;
    void recheckAll() override;
    void jobDone(const std::string& unit) override;

private:
    void sweep(const std::vector<systemd::Unit>& units) const;
    async::Task<void> settleDue();
    async::Task<bool> trySettle(std::string unit);
    async::Task<bool> settleSeen(std::string unit, std::optional<systemd::Unit> seen);
    void finish(const systemd::Unit& unit, const state::Record& record, const cgroup::Group& scope,
                const std::string& controlGroup);
    Sandbox* load(const systemd::Unit& unit, const state::Record& record, const cgroup::Group& scope,
                  const std::string& controlGroup);

    const Host& host_;
    Registry& registry_;
    Enforcer& enforcer_;
    async::Scope& background_;
    std::set<std::string> due_; ///< units to be looked at again
    bool settling_ = false;
};

} // namespace scopewright::sandbox
