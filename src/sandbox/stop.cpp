// SPDX-License-Identifier: LGPL-2.1-or-later
// Ending a sandbox: kill, wait for the kernel, have PID 1 drop the unit, and remove what it leaves.
#include "base/error.h"
#include "base/log.h"
#include "sandbox/sandboxes.h"
#include "sandbox/wait.h"

#include <algorithm>

namespace scopewright::sandbox {

namespace {

constexpr std::chrono::milliseconds kBeforeAsking{500};
constexpr std::chrono::seconds kPatienceWithKernel{5};

/// What PID 1 does by itself it mostly does within a millisecond.
constexpr std::chrono::milliseconds kBeforeStopUnit{25};
constexpr std::chrono::milliseconds kBetweenLooks{5};

/// A unit that is over and whose directory is not gone: PID 1 gives up on paths longer than PATH_MAX, and takes a group
/// for empty whose processes have lost their leaders.
void removeLeftover(const cgroup::Group& root, const std::string& controlGroup) {
    const std::optional<cgroup::Group> slice = root.openAbove(controlGroup);
    if (slice) slice->removeChild(controlGroup.substr(controlGroup.rfind('/') + 1));
}

} // namespace

async::Task<void> Sandboxes::stop(Key key) {
    registry_.at(key);
    const Deadline deadline(2 * host_.config.jobTimeout);
    while (const Sandbox* present = registry_.find(key)) {
        if (present->up()) break;
        if (present->state == State::Starting)
            throw Error(ErrorCode::Busy, "sandbox " + quoted(label(key)) + " is starting");
        // A second request for the same end joins the first.
        co_await deadline.change(host_.event, registry_.changed(),
                                 "the end of sandbox " + quoted(label(key)) + " is not over");
        if (!registry_.find(key)) co_return;
    }
    Sandbox& sandbox = registry_.at(key);
    // A freeze waits for what may never come; an end does not wait for a freeze.
    if (sandbox.underway == "updated") registry_.ready(key);
    const std::string unit = sandbox.unit;
    const std::string controlGroup = sandbox.controlGroup;
    const std::uint64_t serial = sandbox.serial;
    // Of one that was made, or thawed, just before PID 1 would hear late that it is empty.
    const bool old =
        sandbox.state == State::Running && std::chrono::steady_clock::now() - sandbox.changedAt > kBetweenEvents;
    registry_.changeState(sandbox, State::Stopping);
    auto undo = [this, key, serial](std::exception_ptr) { return runOn(key, serial); };
    async::Task<void> work = end(key.uid, unit, controlGroup, old);
    co_await async::orUndo(std::move(work), undo);
    if (registry_.find(key, serial)) registry_.retire(key, "stopped");
    remains_.look(host_.top, host_.config.warnOfRemains);
}

/// What is left of it runs: it has been thawed.
async::Task<void> Sandboxes::runOn(Key key, std::uint64_t serial) {
    if (Sandbox* sandbox = registry_.find(key, serial)) {
        registry_.changeState(*sandbox, State::Running);
        recovery_.recheck(sandbox->unit);
    }
    co_return;
}

/// PID 1, too, sees that a scope is empty, and ends it by itself; and all is over when the directory is gone, which PID
/// 1 removes first of all. What it does then, before it answers anybody, is nobody's wait: signals, and going through
/// all units of the slice, 20 ms for 5,000. Nobody can ask it in between, either, since it frees the unit before it
/// reads the next message.
async::Task<void> Sandboxes::end(uid_t owner, std::string unit, std::string controlGroup, bool old) {
    const std::optional<cgroup::Group> scope = host_.root.open(controlGroup);
    // PID 1 would first send SIGTERM and then wait; a scope that is empty it stops at once.
    try {
        co_await killAll(unit, controlGroup);
    } catch (const Error& error) {
        // Without its unit it is killed below.
        log::debug("unit " + unit + " could not be killed yet: " + error.what());
    }
    if (scope) {
        async::Abandonable leaving(letLeave(*scope, unit, old));
        auto gone = [&leaving] { leaving.abandon(); };
        const Departures::Notice notice(departures_, host_.root, controlGroup, gone);
        co_await leaving;
        if (!host_.root.open(controlGroup)) co_return;
    }
    // From here on PID 1's answer counts: what it was told to stop must not be the next unit of that name.
    co_await stopUnit(owner, unit, controlGroup);
}

/// Returns when the processes are gone, as far as they go, and PID 1 has had its time to see that by itself.
async::Task<void> Sandboxes::letLeave(const cgroup::Group& scope, std::string unit, bool old) {
    // SIGKILL reaches the frozen; thawed before it, they would run for a moment.
    if (const Sandbox* sandbox = registry_.ofUnit(unit)) writeFreezer(processGroups(scope, *sandbox), false);
    bool empty = co_await emptied(host_.event, scope, kBeforeAsking);
    if (!empty) {
        // What waits for a device has the time that its owner has given it.
        bus::Microseconds patience = co_await host_.systemd.stopTimeout(unit);
        empty = co_await emptied(host_.event, scope, patience);
    }
    if (!empty) log::warning("killed processes are slow to leave; PID 1 is asked to stop unit " + unit);
    if (empty && old) co_await bus::sleepFor(host_.event, kBeforeStopUnit);
}

async::Task<void> Sandboxes::stopUnit(uid_t owner, std::string unit, std::string controlGroup) {
    {
        // The processes are dead by now, or as good as dead; what waits here is the unit.
        bus::Turns::Turn turn = co_await stops_.take(owner, 2 * host_.config.jobTimeout);
        co_await host_.systemd.stopUnit(unit);
    }
    // The job is over, or there was none to be had, and the kernel says that nothing is left.
    if (!host_.root.open(controlGroup)) co_return;
    const Deadline deadline(kPatienceWithKernel);
    for (;;) {
        std::optional<systemd::Unit> seen = co_await host_.systemd.inspect(unit);
        const bool over = !seen || seen->ended();
        const std::optional<cgroup::Group> left = host_.root.open(controlGroup);
        if (over && !left) co_return;
        if (deadline.over() && !over)
            throw Error(ErrorCode::Timeout,
                        "unit " + quoted(unit) + " is " + seen->activeState + " after it was stopped");
        if (deadline.over()) break;
        // For PID 1 it is over, and yet something lives there: the kernel is believed.
        if (over && left->populated().value_or(false)) co_await killAll(unit, controlGroup);
        co_await bus::sleepFor(host_.event, kBetweenLooks);
    }
    removeLeftover(host_.root, controlGroup);
    log::warning("the cgroup of unit " + unit + " outlived it and was removed");
}

} // namespace scopewright::sandbox
