// SPDX-License-Identifier: LGPL-2.1-or-later
// Signals for all processes of a sandbox. PID 1 sends them, which has the power to; what it and the kernel pass by is
// found here.
#include "base/error.h"
#include "base/log.h"
#include "cgroup/path.h"
#include "sandbox/policy.h"
#include "sandbox/sandboxes.h"
#include "sandbox/wait.h"

#include <algorithm>
#include <csignal>
#include <exception>
#include <set>

namespace scopewright::sandbox {

namespace {

/// What is killed leaves at once, unless it waits for a device.
constexpr std::chrono::milliseconds kPatienceWithKill{100};
constexpr std::chrono::seconds kPatienceWithFreezer{1};
constexpr int kMostRounds = 20;

bool freezeIfPossible(const std::vector<cgroup::Group>& groups) {
    try {
        writeFreezer(groups, true);
        return true;
    } catch (const Error& error) {
        if (error.code() != ErrorCode::NotSupported) throw;
        return false;
    }
}

/// Processes whose leader has exited while threads of them live: in no list of processes, and cgroup.kill passes them
/// by.
void signalLeaderless(const cgroup::Group& scope, const std::string& controlGroup, int signal) {
    std::set<pid_t> threads;
    scope.visit([&](const cgroup::Group& group) {
        for (pid_t tid : group.threads())
            threads.insert(tid);
    });
    std::set<pid_t> done;
    for (pid_t tid : threads) {
        const pid_t pid = processOfThread(tid);
        if (pid <= 0 || threads.contains(pid) || !done.insert(pid).second) continue;
        try {
            const Process process = Process::byNumber(static_cast<std::uint32_t>(pid));
            // Its number is its own for as long as the descriptor says that it lives.
            const bool same = processOfThread(tid) == pid && cgroup::contains(controlGroup, controlGroupOf(tid));
            if (same && process.alive()) process.signal(signal);
        } catch (const Error& error) {
            log::warning("process " + std::to_string(pid) + " of " + controlGroup + " gets no signal: " + error.what());
        }
    }
}

} // namespace

async::Task<void> Sandboxes::killAll(std::string unit, std::string controlGroup) {
    const std::optional<cgroup::Group> scope = host_.root.open(controlGroup);
    if (!scope) co_return;
    if (!scope->kill()) {
        // Before Linux 5.14 they are killed one by one; what is frozen cannot fork meanwhile, and a new kernel or an
        // old one, SIGKILL reaches the frozen.
        const Sandbox* sandbox = registry_.ofUnit(unit);
        std::vector<cgroup::Group> groups;
        if (sandbox) groups = processGroups(*scope, *sandbox);
        const bool stays = sandbox && sandbox->state == State::Frozen;
        const bool frozen = freezeIfPossible(groups);
        const Deadline deadline(kPatienceWithFreezer);
        for (const cgroup::Group& group : groups)
            if (frozen) co_await settledAt(host_.event, group, "frozen", true, deadline);
        std::exception_ptr failure;
        try {
            co_await host_.systemd.killUnit(unit, SIGKILL);
        } catch (...) {
            failure = std::current_exception();
        }
        if (frozen && !stays) writeFreezer(groups, false);
        if (failure) std::rethrow_exception(failure);
        // Without a freezer a process may have forked away; its children cannot for ever.
        for (int round = 0; !frozen && round < kMostRounds; ++round) {
            const bool over = co_await emptied(host_.event, *scope, kPatienceWithKill);
            if (over) break;
            co_await host_.systemd.killUnit(unit, SIGKILL);
        }
    }
    const bool empty = co_await emptied(host_.event, *scope, kPatienceWithKill);
    if (!empty) signalLeaderless(*scope, controlGroup, SIGKILL);
}

async::Task<void> Sandboxes::kill(Key key, int signal, uid_t caller) {
    if (signal < 1 || signal > SIGRTMAX)
        throw Error(ErrorCode::InvalidArgument,
                    "signal " + std::to_string(signal) + " is not in 1.." + std::to_string(SIGRTMAX));
    if (signal == SIGSTOP && !isAdministrator(caller))
        throw Error(ErrorCode::InvalidArgument,
                    "signal SIGSTOP is root's: what it stops, a stop of the unit waits for");
    const Sandbox& sandbox = registry_.ready(key);
    const std::string unit = sandbox.unit;
    const std::string controlGroup = sandbox.controlGroup;
    try {
        if (signal == SIGKILL) {
            co_await killAll(unit, controlGroup);
            co_return;
        }
        co_await host_.systemd.killUnit(unit, signal);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::NoSuchUnit) throw;
        throw Error(ErrorCode::NoSuchSandbox, "the scope of sandbox " + quoted(label(key)) + " is gone");
    }
    if (const std::optional<cgroup::Group> scope = host_.root.open(controlGroup))
        signalLeaderless(*scope, controlGroup, signal);
}

} // namespace scopewright::sandbox
