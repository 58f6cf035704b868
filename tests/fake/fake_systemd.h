// SPDX-License-Identifier: LGPL-2.1-or-later
// PID 1 as far as a maker of scopes can see it: jobs, units and signals on a bus connection, the control groups real.
//
// How it behaves towards a unit is picked by the words of the unit's name ("scopewright-0-slow.scope" is slow):
//   slow       the start job ends after `delay`            early      … and before the method's reply
//   fail       the job fails, nothing was moved            failmoved  … after the processes were moved
//   hang       the job never ends                          hangmoved  … after the processes were moved
//   lost       nobody is told that the job has ended       empty      done, but the processes are elsewhere
//   vanish     done, and the unit is gone at once          refuse     the method answers with `refusal`
//   refuseset  the method that changes its properties answers with `refusal`
//   silent     the method does nothing and has no answer   mute       the method works and has no answer
//   forgets    … the first time, and says NoReply           late       the method's answer comes after `delay`
//   twice      everybody is told twice of each job's end   deadonce   "vanish" for the first time only
//   stopslow, stophang, stopfail: the same for the job that stops it; an empty one stays until it is told to stop
#pragma once

#include "base/value.h"
#include "cgroup_tree.h"

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace scopewright::fake {

struct Unit {
    std::string name;
    std::string description;
    std::string loadState = "loaded";
    std::string activeState = "inactive";
    std::string slice = "scopewright.slice";
    std::string controlGroup;
    std::map<std::string, Value> properties; ///< as they were sent, lists merged as PID 1 does
    std::vector<std::uint32_t> pids;
    std::uint32_t job = 0;
    std::string jobType;
    bool startPending = false;
    bool stopping = false; ///< the job that stops it has begun its work
    int events = -1;
    sd_event_source* watch = nullptr;

    /// Of a string, a number or a boolean ("true"); "" of anything else, and of what was not sent.
    std::string text(const std::string& property) const;
};

/// The object of the unit of that name.
std::string pathOf(const std::string& unit);

/// Is `word` one of the words of the unit's name?
bool says(const std::string& name, const std::string& word);

class FakeSystemd {
public:
    explicit FakeSystemd(sd_event* event);
    FakeSystemd(FakeSystemd&&) = delete;
    ~FakeSystemd();

    /// Serves `bus`. On a socketpair the messages carry PID 1's unique name, as a bus would see to.
    void attach(sd_bus* bus, bool direct);
    void detach();
    /// A connection of somebody who has come to PID 1's own socket, until it leaves.
    void join(sd_bus* connection);
    void leave(sd_bus* connection);

    CgroupTree& tree() noexcept { return tree_; }

    // Settings.
    std::string version = "252.39-1~deb12u2";
    std::chrono::milliseconds delay{50};
    std::string refusal = "org.freedesktop.systemd1.TransactionIsDestructive";
    bool deaf = false;             ///< answers nothing at all any more
    bool quiet = false;            ///< sends no signal about units
    bool stubborn = false;         ///< ResetFailedUnit does nothing
    std::set<std::string> without; ///< properties that this PID 1 lacks, whatever its version

    /// A unit that was there before; active ones get a control group with `pids` in it.
    Unit& addUnit(const std::string& name, const std::string& description, const std::string& activeState = "active",
                  const std::vector<pid_t>& pids = {});
    Unit* find(const std::string& name);
    std::vector<std::string> names() const;

    /// The job of a "hang" unit ends after all.
    void release(const std::string& name, const std::string& result = "done");

    /// As an administrator's `systemctl stop` does.
    void stop(const std::string& name);

    /// As `systemctl isolate` of a target that wants none of them does: start jobs are canceled, all else is stopped.
    void isolate();

    /// daemon-reload, as others see it.
    void reload();

    /// A JobRemoved that does not come from PID 1.
    void spoofJobRemoved(const std::string& unit, std::uint32_t job, const std::string& result);
    std::uint32_t lastJob() const noexcept { return lastJob_; }

    /// Has somebody on the bus asked for all signals about units?
    bool subscribed() const noexcept { return subscribed_; }

    /// What was asked and what came of it, in order: "StartTransientUnit x.scope", "JobRemoved x.scope done", …
    const std::vector<std::string>& log() const noexcept { return log_; }
    std::size_t logged(const std::string& line) const;

    /// What nobody may ever do to PID 1; a test fails if there is any.
    const std::vector<std::string>& misuses() const noexcept { return misuses_; }
    void forgiveMisuses() { misuses_.clear(); }

    static constexpr const char* kUniqueName = ":1.1";

private:
    struct Later {
        FakeSystemd* self;
        std::function<void()> act;
        sd_event_source* source;
    };

    static int onCall(sd_bus_message* message, void* userdata, sd_bus_error* error) noexcept;
    static int onEvents(sd_event_source* source, int fd, std::uint32_t revents, void* userdata) noexcept;

    int managerCall(sd_bus_message* m, const std::string& member);
    int propertiesCall(sd_bus_message* m, const std::string& member);
    int startTransientUnit(sd_bus_message* m);
    int stopUnit(sd_bus_message* m);
    int killUnit(sd_bus_message* m);
    int resetFailedUnit(sd_bus_message* m);
    int getUnit(sd_bus_message* m);
    int getUnitByPid(sd_bus_message* m);
    int listUnits(sd_bus_message* m, const std::string& member);
    int setUnitProperties(sd_bus_message* m);

    // fake_properties.cpp
    Properties readProperties(sd_bus_message* m);
    std::map<std::string, Value> merged(std::map<std::string, Value> before, const Properties& changes);
    std::string refuseProperties(const std::string& unit, const std::map<std::string, Value>& properties,
                                 std::string& message);
    Properties shownProperties(const Unit* unit) const;
    int getAll(sd_bus_message* m, const Unit* unit);

    void place(Unit& unit);
    void move(Unit& unit);
    void finishStart(const std::string& name);
    void finishStop(const std::string& name);
    void endJob(Unit& unit, const std::string& result, bool announce = true);
    void remove(const std::string& name);
    void later(std::chrono::milliseconds when, std::function<void()> act);
    void misuse(const std::string& what);

    int reply(sd_bus_message* call, const char* types = nullptr, ...);
    int refuse(sd_bus_message* call, const std::string& name, const std::string& text);
    int send(sd_bus_message* message, const char* sender);
    void emit(const char* sender, const char* member, const char* types, ...);
    void tellOf(const Unit& unit);

    sd_event* event_;
    CgroupTree tree_;
    sd_bus* bus_ = nullptr;
    sd_bus_slot* slot_ = nullptr;
    bool direct_ = false;
    bool subscribed_ = false;
    std::map<sd_bus*, sd_bus_slot*> guests_; ///< on PID 1's own socket
    std::uint32_t lastJob_ = 0;
    std::map<std::string, Unit> units_;
    std::vector<std::string> log_;
    std::vector<std::string> misuses_;
    std::list<Later> later_;
};

} // namespace scopewright::fake
