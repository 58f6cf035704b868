// SPDX-License-Identifier: LGPL-2.1-or-later
// Creating a sandbox: start the scope, look whether it is what was asked for, furnish it; and the way back from each
// point, on which no process is killed.
#include "base/error.h"
#include "base/log.h"
#include "cgroup/path.h"
#include "limits/properties.h"
#include "sandbox/furnish.h"
#include "sandbox/sandboxes.h"
#include "sandbox/wait.h"

#include <sys/epoll.h>

#include <algorithm>
#include <exception>

namespace scopewright::sandbox {

namespace {

/// dbus-daemon disconnects a sender whose message carries a 17th descriptor.
constexpr std::size_t kMostFdsPerMessage = 16;

constexpr std::chrono::milliseconds kBetweenLooks{250};
constexpr std::chrono::seconds kPatienceWithExits{1};
constexpr std::chrono::milliseconds kPatienceWithExiting{100};

/// Without PID 1: leads the processes out of the scope, if that is where they are, or out of its payload.
void leadOutOf(const cgroup::Group& root, const SandboxSpec& spec) {
    const std::string scope = "/" + spec.unit;
    const std::string payload = scope + "/" + kPayload;
    for (const Process& process : spec.processes) {
        const std::string path = process.controlGroup();
        if (path.empty() || path == process.sourceControlGroup()) continue;
        if (!path.ends_with(scope) && !path.ends_with(payload)) continue;
        if (const std::optional<cgroup::Group> group = root.open(path)) leadOut(*group, spec.processes);
    }
}

/// Where PID 1 puts the scope of a unit that nobody else has put elsewhere.
std::string expectedPath(const Host& host, const SandboxSpec& spec) {
    return host.systemdGroup + slicePath(spec.slice) + "/" + spec.unit;
}

bool allIn(const std::string& controlGroup, const Processes& processes) {
    return std::ranges::all_of(processes, [&](const Process& p) { return p.controlGroup() == controlGroup; });
}

[[noreturn]] void refuseUnit(const SandboxSpec& spec, const std::optional<systemd::Unit>& present) {
    const state::ReadRecord read = state::readRecord(present ? present->description : "");
    if (read.state == state::RecordState::Ours && read.record.uid == spec.key.uid)
        throw Error(ErrorCode::SandboxExists,
                    "unit " + quoted(spec.unit) + " exists already, as sandbox " + quoted(read.record.id));
    throw Error(ErrorCode::UnitNameTaken,
                "unit " + quoted(spec.unit) + " exists and is not a sandbox of uid " + std::to_string(spec.key.uid));
}

/// Without a token every request is one of its own.
bool isSame(const SandboxSpec& spec, const std::optional<systemd::Unit>& present) {
    return present && !present->ended() && !spec.record.token.empty() &&
           state::readRecord(present->description).record == spec.record;
}

void requireAlive(const Processes& processes) {
    for (const Process& process : processes)
        if (!process.alive())
            throw Error(ErrorCode::ProcessUnknown,
                        "process " + std::to_string(process.pid()) + " exited while its scope was started");
}

} // namespace

async::Task<Key> Sandboxes::create(SandboxSpec spec) {
    const Key key = spec.key;
    bus::Turns::Turn turn = co_await takeTurn(spec);
    if (!turn) {
        // One whose start an earlier daemon left to the next has been finished by that, whatever was not to be had.
        refuseSkipsIfStrict(spec.strict, registry_.at(key).skipped);
        co_return key;
    }
    admit(spec);
    Reservation reservation(registry_, spec);
    std::exception_ptr failure;
    try {
        co_await launch(spec);
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure && spec.start == Start::Sent) {
        // The job may end later, and then there would be a scope of which nobody knows.
        leadOutOf(host_.root, spec);
        reservation.keep();
        background_.spawn(leadBackLater(std::move(spec), std::move(turn)));
    } else if (failure && spec.start == Start::Over) {
        co_await leadBack(spec);
    }
    // That a process has exited says more than what became of the unit without it.
    if (failure && spec.start == Start::Over) requireAlive(spec.processes);
    if (failure) std::rethrow_exception(failure);
    reservation.keep();
    registry_.announce(*registry_.find(key), State::Running);
    // PID 1 tells of each unit in the log already.
    log::debug("sandbox " + label(key) + " runs in " + registry_.at(key).controlGroup);
    co_return key;
}

Properties Sandboxes::scopeProperties(const SandboxSpec& spec, const limits::ScopePlan& plan) const {
    Properties properties{
        {"Description", state::describe(spec.words, spec.record)},
        {"Slice", spec.slice},
        {"Delegate", true},
        {"DefaultDependencies", false},
        {"CollectMode", std::string("inactive-or-failed")},
        {"CPUAccounting", true},
        {"MemoryAccounting", true},
        {"IOAccounting", true},
        {"TasksAccounting", true},
        {"TimeoutStopUSec", static_cast<std::uint64_t>(spec.timeoutStop.value_or(host_.config.stopTimeout).count())},
    };
    if (spec.runtimeMax) properties.push_back({"RuntimeMaxUSec", static_cast<std::uint64_t>(spec.runtimeMax->count())});
    std::ranges::copy(plan.properties, std::back_inserter(properties));

    if (limits::available(limits::kPidFds, host_.systemdVersion) && spec.processes.size() <= kMostFdsPerMessage) {
        BorrowedFds fds;
        for (const Process& process : spec.processes)
            fds.fds.push_back(process.pidfd());
        properties.push_back({"PIDFDs", std::move(fds)});
    } else {
        std::vector<std::uint32_t> pids;
        for (const Process& process : spec.processes)
            pids.push_back(static_cast<std::uint32_t>(process.pid()));
        properties.push_back({"PIDs", std::move(pids)});
    }
    return properties;
}

async::Task<void> Sandboxes::launch(SandboxSpec& spec) {
    limits::ScopePlan plan;
    std::optional<std::vector<limits::Skip>> skipped;
    const std::string expected = expectedPath(host_, spec);
    std::string path;
    for (int attempt = 1; path.empty(); ++attempt) {
        for (bool started = false; !started;) {
            plan = enforcer_.plan(spec.resources, true);
            refuseSkipsIfStrict(spec.strict, plan.skipped);
            const Properties properties = scopeProperties(spec, plan);
            skipped.reset();
            async::Task<void> call = startUnit(spec, properties, [&] {
                if (!skipped) skipped = furnishEarly(spec, plan, expected);
            });
            started = co_await enforcer_.taken(std::move(call), plan.properties);
        }
        if (skipped && allIn(expected + "/" + kPayload, spec.processes)) {
            settleIn(spec, expected, std::move(*skipped));
            co_return;
        }
        path = co_await verify(spec, attempt);
    }
    skipped = furnishAt(path, spec, plan);

    const std::string payload = path + "/" + kPayload;
    for (const Process& process : spec.processes)
        if (process.controlGroup() != payload)
            throw Error(ErrorCode::ProcessUnknown,
                        "process " + std::to_string(process.pid()) + " did not live to see its sandbox");
    settleIn(spec, path, std::move(*skipped));
}

std::vector<limits::Skip> Sandboxes::furnishAt(const std::string& path, const SandboxSpec& spec,
                                               const limits::ScopePlan& plan) const {
    const std::optional<cgroup::Group> scope = host_.root.open(path);
    if (!scope) throw Error(ErrorCode::UnitFailed, "unit " + quoted(spec.unit) + " ended right after its start");
    Undo unneeded = Undo::unneeded();
    return furnish(host_, *scope, path, Furnishing{spec.record, spec.resources, plan, spec.strict}, unneeded);
}

/// PID 1 moves the processes, tells all who listen what has changed of the unit, which takes it as long as furnishing
/// takes us, and then says that the job is over. Whatever is not as expected, or fails, is looked at and done again
/// then.
std::optional<std::vector<limits::Skip>> Sandboxes::furnishEarly(const SandboxSpec& spec, const limits::ScopePlan& plan,
                                                                 const std::string& expected) const {
    if (!allIn(expected, spec.processes)) return std::nullopt;
    try {
        return furnishAt(expected, spec, plan);
    } catch (const std::exception& error) {
        log::debug("unit " + spec.unit + " cannot be furnished while it starts: " + error.what());
        return std::nullopt;
    }
}

async::Task<void> Sandboxes::startUnit(SandboxSpec& spec, const Properties& properties, std::function<void()> news) {
    constexpr int kMostLostAnswers = 3;
    int lost = 0;
    bool reset = false;
    for (;;) {
        ErrorCode refusal;
        try {
            spec.start = Start::Sent;
            co_await host_.systemd.startScope(spec.unit, properties, news);
            spec.start = Start::Over;
            co_return;
        } catch (const Error& error) {
            refusal = error.code();
            if (refusal == ErrorCode::UnitFailed)
                spec.start = Start::Over;
            else if (refusal != ErrorCode::NoReply && refusal != ErrorCode::Timeout)
                spec.start = Start::NotSent;
            const bool again =
                refusal == ErrorCode::UnitExists || (refusal == ErrorCode::NoReply && ++lost < kMostLostAnswers);
            if (!again) throw;
        }
        std::optional<systemd::Unit> present;
        if (refusal == ErrorCode::UnitExists) present = co_await host_.systemd.inspect(spec.unit);
        if (refusal == ErrorCode::NoReply || isSame(spec, present)) {
            // The call, this one or that of an earlier daemon for the same request, may have been carried out.
            const bool started = co_await startedAfterAll(spec);
            if (started) co_return;
            continue;
        }
        if (reset || (present && !present->ended())) refuseUnit(spec, present);
        // What is left of an earlier unit keeps the name until it is reset.
        reset = true;
        co_await host_.systemd.resetFailed(spec.unit);
    }
}

/// After a lost answer: whether PID 1 has carried out the call. A PID 1 that executes itself anew drops answers, and
/// calls too.
async::Task<bool> Sandboxes::startedAfterAll(SandboxSpec& spec) {
    const std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::now() + host_.config.jobTimeout;
    for (;;) {
        std::optional<systemd::Unit> unit = co_await host_.systemd.inspect(spec.unit);
        if (!unit || state::readRecord(unit->description).record != spec.record) co_return false;
        if (unit->jobPath == "/") break;
        if (std::chrono::steady_clock::now() >= deadline)
            throw Error(ErrorCode::Timeout, "the start job of unit " + quoted(spec.unit) + " is not over in time");
        co_await bus::sleepFor(host_.event, kBetweenLooks);
    }
    spec.start = Start::Over;
    co_return true;
}

/// Where the scope is. Empty if it is worth another attempt: PID 1 can take a scope for empty, and end it, whose
/// processes it has just put there.
async::Task<std::string> Sandboxes::verify(SandboxSpec& spec, int attempt) {
    constexpr int kMostAttempts = 2;
    requireAlive(spec.processes);
    // Nobody but PID 1 can have said that the job is done, and the kernel has the processes where that puts them: there
    // is nothing left to ask.
    std::string expected = expectedPath(host_, spec);
    if (host_.systemd.direct() && allIn(expected, spec.processes)) co_return expected;
    std::optional<systemd::Unit> unit = co_await host_.systemd.inspect(spec.unit);
    const bool ours = unit && state::readRecord(unit->description).record == spec.record;
    if ((!unit || (ours && unit->ended())) && attempt < kMostAttempts) co_return "";
    if (!ours || !unit->active())
        throw Error(ErrorCode::UnitFailed, "unit " + quoted(spec.unit) + " is " +
                                               (ours ? unit->activeState : std::string("not there")) +
                                               " right after its start");
    std::string path = co_await host_.systemd.controlGroup(spec.unit);
    requireAlive(spec.processes);
    for (const Process& process : spec.processes) {
        if (!path.empty() && cgroup::contains(path, process.controlGroup())) continue;
        // One that is exiting has left its group already, and a moment later everybody can see that.
        const bool exiting = co_await bus::waitFor(host_.event, process.pidfd(), EPOLLIN, kPatienceWithExiting);
        if (exiting) requireAlive(spec.processes);
        throw Error(ErrorCode::UnitFailed, "process " + std::to_string(process.pid()) + " is in " +
                                               quoted(process.controlGroup()) + " and not in unit " +
                                               quoted(spec.unit));
    }
    co_return path;
}

async::Task<void> Sandboxes::leadBack(SandboxSpec& spec) {
    try {
        std::optional<systemd::Unit> unit = co_await host_.systemd.inspect(spec.unit);
        if (!unit || state::readRecord(unit->description).record != spec.record) co_return;
        const std::string path = co_await host_.systemd.controlGroup(spec.unit);
        const std::optional<cgroup::Group> scope = path.empty() ? std::nullopt : host_.root.open(path);
        const std::optional<cgroup::Group> payload = scope ? scope->child(kPayload) : std::nullopt;
        if (payload) leadOut(*payload, spec.processes);
        if (scope) leadOut(*scope, spec.processes);
        // One that is exiting takes a move for granted and stays where it is, for a moment; then PID 1 may be the first
        // to see that the scope is empty, and remove it. What does not leave lives in groups that a process has made by
        // itself, or as threads of a leader that has exited.
        bool left = true;
        if (scope) left = co_await emptied(host_.event, *scope, kPatienceWithExits);
        if (!left) throw Error(ErrorCode::Failed, "its processes cannot go back to where they were");
        co_await host_.systemd.stopUnit(spec.unit);
        co_return;
    } catch (const std::exception& error) {
        log::error("unit " + spec.unit + " is not rolled back: " + error.what());
    }
    // It is a sandbox then, whether its maker wants it or not, and can be found and stopped as one.
    recovery_.settleLater(spec.unit);
}

/// A scope is not stopped before its start job is over: that has crashed PID 1.
async::Task<void> Sandboxes::leadBackLater(SandboxSpec spec, bus::Turns::Turn turn) {
    static_cast<void>(turn); // PID 1 is at work on it until then
    constexpr std::chrono::minutes kPatience{10};
    const std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::now() + kPatience;
    bool over = false;
    while (!over && std::chrono::steady_clock::now() < deadline) {
        co_await bus::sleepFor(host_.event, kBetweenLooks);
        try {
            std::optional<systemd::Unit> unit = co_await host_.systemd.inspect(spec.unit);
            over = !unit || unit->jobPath == "/";
        } catch (const Error& error) {
            log::debug("unit " + spec.unit + " cannot be looked at: " + error.what());
        }
    }
    if (over) co_await leadBack(spec);
    const std::string unit = spec.unit;
    registry_.retire(spec.key, "its start failed");
    if (!over) recovery_.settleLater(unit);
}

} // namespace scopewright::sandbox
