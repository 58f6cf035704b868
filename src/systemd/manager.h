// SPDX-License-Identifier: LGPL-2.1-or-later
// PID 1's Manager object: the calls this daemon makes, as tasks. See org.freedesktop.systemd1(5).
#pragma once

#include "base/value.h"
#include "bus/bus.h"
#include "bus/loop.h"
#include "systemd/jobs.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace scopewright::systemd {

/// One row of PID 1's ListUnits*.
struct Unit {
    std::string name;
    std::string description;
    std::string loadState;
    std::string activeState;
    std::string jobPath; ///< "/" when the unit has no job.

    bool exists() const { return loadState != "not-found" || activeState != "inactive"; }
    bool active() const { return activeState == "active" || activeState == "reloading"; }
    bool ended() const { return activeState == "inactive" || activeState == "failed"; }
};

class Manager {
public:
    /// `patience` bounds each single call and each wait for a job; it may change under this object.
    Manager(Link& link, const bus::Microseconds& patience);

    /// Whether only PID 1 itself can have sent its signals.
    bool direct() const noexcept { return link_.direct(); }

    async::Task<std::string> version();

    /// Where its units live: "" for PID 1, if it sees the root; "/user.slice/…/user@1000.service" for a user's manager.
    async::Task<std::string> ownControlGroup();

    /// Starts a transient scope and returns when its job is over. A job that did not end with "done" is UnitFailed; one
    /// that did not end in time is Timeout and may end later; NoReply means that the call may or may not have arrived;
    /// with any other error nothing was started. The caller still checks what there is now: a scope can die as it
    /// starts. `news` is called whenever PID 1 tells of the unit before that, when it has moved the processes among
    /// others; only on its own socket, where nobody else can say so.
    async::Task<void> startScope(std::string unit, Properties properties, std::function<void()> news = {});

    /// Stops a unit and returns when its job is over; a unit that is not there is stopped already.
    async::Task<void> stopUnit(std::string unit);

    /// Changes properties of a living unit, until it ends.
    async::Task<void> setUnitProperties(std::string unit, Properties properties);

    /// All that PID 1 shows of a scope: what it models of resources, and the names are those that it knows.
    async::Task<Properties> scopeProperties(std::string unit);

    /// Forgets a unit's failure, which also frees its name.
    async::Task<void> resetFailed(std::string unit);

    /// Sends a signal to every process of the unit, those in sub-groups too.
    async::Task<void> killUnit(std::string unit, int signal);

    /// What PID 1 knows of `unit`: nothing when it is not loaded.
    async::Task<std::optional<Unit>> inspect(std::string unit);

    /// The scope's cgroup, relative to the root of the hierarchy; empty when it has none.
    async::Task<std::string> controlGroup(std::string unit);

    /// TimeoutStopUSec of a scope.
    async::Task<bus::Microseconds> stopTimeout(std::string unit);

    async::Task<std::vector<Unit>> listScopes();

    /// `others` hears of units for which PID 1 has done a job that was not asked for here.
    void onOthersJobs(std::function<void(const std::string& unit)> others) { jobs_.onOthers(std::move(others)); }

private:
    bus::Slot listenTo(const std::string& unit, std::function<void()>& news);
    async::Task<void> awaitJob(Jobs::Watch& watch, std::string unit, Job job, std::string verb);
    async::Task<bool> jobPending(std::string unit, std::string job);
    bus::Message request(const char* member);
    async::Task<std::string> managerProperty(const char* property);
    async::Task<Value> unitProperty(std::string unit, std::string interface, std::string property);

    Link& link_;
    const bus::Microseconds& patience_;
    Jobs jobs_;
};

} // namespace scopewright::systemd
