// SPDX-License-Identifier: LGPL-2.1-or-later
// Ending a sandbox, and signalling it.
#include "base/error.h"
#include "base/log.h"
#include "sandbox/sandboxes.h"

#include <sys/epoll.h>

#include <csignal>

namespace scopewright::sandbox {

namespace {

constexpr std::chrono::seconds kPatienceWithKernel{5};
constexpr std::chrono::milliseconds kBetweenLooks{5};

} // namespace

async::Task<void> Sandboxes::stop(Key key) {
    at(key);
    while (const Sandbox* present = find(key)) {
        if (present->state == State::Running) break;
        if (present->state == State::Starting)
            throw Error(ErrorCode::Busy, "sandbox " + quoted(label(key)) + " is starting");
        // A second request for the same end joins the first.
        async::Broadcast::Waiter change(changed_);
        co_await change;
        if (!find(key)) co_return;
    }
    Sandbox& sandbox = running(key);
    const std::string unit = sandbox.unit;
    const std::string controlGroup = sandbox.controlGroup;
    changeState(sandbox, State::Stopping);
    auto undo = [this, key](std::exception_ptr) { return runOn(key); };
    async::Task<void> work = end(unit, controlGroup);
    co_await async::orUndo(std::move(work), undo);
    retire(key);
}

async::Task<void> Sandboxes::runOn(Key key) {
    if (Sandbox* sandbox = find(key)) {
        changeState(*sandbox, State::Running);
        recheck(sandbox->unit);
    }
    co_return;
}

async::Task<void> Sandboxes::end(std::string unit, std::string controlGroup) {
    // PID 1 would first send SIGTERM and then wait; a scope that is empty it stops at once.
    std::optional<cgroup::Group> scope = root_.open(controlGroup);
    bool empty = true;
    if (scope && scope->kill()) empty = co_await emptied(*scope, kPatienceWithKernel);
    if (!empty) log::warning("killed processes are slow to leave; PID 1 is asked to stop unit " + unit);
    co_await systemd_.stopUnit(unit);
    const std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::now() + kPatienceWithKernel;
    while (std::chrono::steady_clock::now() < deadline) {
        std::optional<systemd::Unit> seen = co_await systemd_.inspect(unit);
        if ((!seen || seen->ended()) && !root_.open(controlGroup)) co_return;
        co_await bus::sleepFor(event_, kBetweenLooks);
    }
    // PID 1 gives up on directories whose path is longer than PATH_MAX.
    const std::size_t slash = controlGroup.rfind('/');
    const std::optional<cgroup::Group> slice =
        slash == 0 ? root_.duplicate() : root_.open(controlGroup.substr(0, slash));
    if (slice) slice->removeChild(controlGroup.substr(slash + 1));
    log::warning("the cgroup of unit " + unit + " outlived it and was removed");
}

async::Task<bool> Sandboxes::emptied(const cgroup::Group& group, bus::Microseconds patience) {
    const std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::now() + patience;
    for (;;) {
        // The file also tells of other changes, and only of those after it was read.
        UniqueFd events = group.events();
        if (!events || !group.populated().value_or(false)) co_return true;
        const auto left = std::chrono::duration_cast<bus::Microseconds>(deadline - std::chrono::steady_clock::now());
        if (left <= bus::Microseconds(0)) co_return false;
        co_await bus::waitFor(event_, events.value(), EPOLLPRI, left);
    }
}

async::Task<void> Sandboxes::kill(Key key, int signal, uid_t caller) {
    if (signal < 1 || signal > SIGRTMAX)
        throw Error(ErrorCode::InvalidArgument,
                    "signal " + std::to_string(signal) + " is not in 1.." + std::to_string(SIGRTMAX));
    if (signal == SIGSTOP && caller != 0)
        throw Error(ErrorCode::InvalidArgument,
                    "signal SIGSTOP is root's: what it stops, a stop of the unit waits for");
    const Sandbox& sandbox = running(key);
    const std::string unit = sandbox.unit;
    const std::optional<cgroup::Group> scope = root_.open(sandbox.controlGroup);
    if (signal == SIGKILL && scope && scope->kill()) co_return;
    try {
        co_await systemd_.killUnit(unit, signal);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::NoSuchUnit) throw;
        throw Error(ErrorCode::NoSuchSandbox, "the scope of sandbox " + quoted(label(key)) + " is gone");
    }
}

} // namespace scopewright::sandbox
