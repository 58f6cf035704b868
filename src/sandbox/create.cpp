// SPDX-License-Identifier: LGPL-2.1-or-later
// Creating a sandbox: start the scope, look whether it is what was asked for, furnish it; and the way back from each
// point, on which no process is killed.
#include "base/error.h"
#include "base/log.h"
#include "cgroup/path.h"
#include "limits/properties.h"
#include "sandbox/apply.h"
#include "sandbox/sandboxes.h"
#include "state/marks.h"

#include <algorithm>
#include <exception>

namespace scopewright::sandbox {

namespace {

/// dbus-daemon disconnects a sender whose message carries a 17th descriptor.
constexpr std::size_t kMostFdsPerMessage = 16;

constexpr std::chrono::milliseconds kBetweenLooks{250};
constexpr std::chrono::seconds kPatienceWithExits{1};

/// A process may fork while its group is being emptied; its children turn up in the next look.
constexpr int kMostRounds = 100;

/// Half of the unanswered calls that dbus-daemon allows one connection.
constexpr std::ptrdiff_t kMostStarts = 64;

/// Leads every process of `group` out of it, each to where it came from, children to where the first one came from.
bool leadOut(const cgroup::Group& group, const Processes& processes) {
    for (int round = 0; round < kMostRounds; ++round) {
        const std::vector<pid_t> present = group.processes();
        if (present.empty()) return true;
        for (pid_t pid : present) {
            // 0 is a process of another pid namespace; written back, it would mean this daemon.
            if (pid <= 0) return false;
            auto known = std::ranges::find_if(processes, [&](const Process& p) { return p.pid() == pid && p.alive(); });
            const Process& process = known == processes.end() ? processes.front() : *known;
            if (!process.source()) return false;
            const int error = process.source()->tryWrite("cgroup.procs", std::to_string(pid));
            if (error != 0 && error != ESRCH) {
                log::error(
                    errnoError("lead process " + std::to_string(pid) + " back to " + process.sourceControlGroup(),
                               error)
                        .what());
                return false;
            }
        }
    }
    return false;
}

/// Without PID 1: leads the processes out of the scope, if that is where they are.
void leadOutOf(const cgroup::Group& root, const SandboxSpec& spec) {
    for (const Process& process : spec.processes) {
        const std::string path = process.controlGroup();
        if (path.empty() || path == process.sourceControlGroup() || !path.ends_with("/" + spec.unit)) continue;
        if (const std::optional<cgroup::Group> scope = root.open(path)) leadOut(*scope, spec.processes);
    }
}

void moveAll(const cgroup::Group& from, const cgroup::Group& to) {
    for (int round = 0; round < kMostRounds; ++round) {
        const std::vector<pid_t> present = from.processes();
        if (present.empty()) return;
        for (pid_t pid : present) {
            const int error = pid > 0 ? to.tryWrite("cgroup.procs", std::to_string(pid)) : EXDEV;
            if (error != 0 && error != ESRCH)
                throw errnoError("move process " + std::to_string(pid) + " into the payload group", error);
        }
    }
    throw Error(ErrorCode::UnitFailed, "the scope's processes fork faster than they can be moved");
}

[[noreturn]] void refuseUnit(const SandboxSpec& spec, const std::optional<systemd::Unit>& present) {
    const state::ReadRecord read = state::readRecord(present ? present->description : "");
    if (read.state == state::RecordState::Ours && read.record.uid == spec.key.uid)
        throw Error(ErrorCode::SandboxExists,
                    "unit " + quoted(spec.unit) + " exists already, as sandbox " + quoted(read.record.id));
    throw Error(ErrorCode::UnitNameTaken,
                "unit " + quoted(spec.unit) + " exists and is not a sandbox of uid " + std::to_string(spec.key.uid));
}

void requireAlive(const Processes& processes) {
    for (const Process& process : processes)
        if (!process.alive())
            throw Error(ErrorCode::ProcessUnknown,
                        "process " + std::to_string(process.pid()) + " exited while its scope was started");
}

} // namespace

/// Takes the key, so that a second request for it finds it taken; gives it back unless the sandbox is kept.
class Sandboxes::Reservation {
public:
    Reservation(Sandboxes& owner, const SandboxSpec& spec) : owner_(&owner), key_(spec.key) {
        Sandbox sandbox;
        sandbox.key = spec.key;
        sandbox.unit = spec.unit;
        sandbox.slice = spec.slice;
        sandbox.record = spec.record;
        sandbox.resources = spec.resources;
        owner.sandboxes_.emplace(spec.key, std::move(sandbox));
        owner.byUnit_.emplace(spec.unit, spec.key);
    }
    Reservation(Reservation&&) = delete;
    ~Reservation() {
        if (owner_) owner_->retire(key_);
    }
    void keep() noexcept { owner_ = nullptr; }

private:
    Sandboxes* owner_;
    Key key_;
};

async::Task<Key> Sandboxes::create(SandboxSpec spec) {
    const Key key = spec.key;
    bool exists = false;
    co_await takeTurn(spec, exists);
    // One whose start an earlier daemon left to the next is complete but for what only its request says.
    const bool forgotten = exists && at(key).resources == limits::Resources();
    if (forgotten && spec.resources != limits::Resources()) {
        co_await update(key, spec.resources);
        refuseSkipsIfStrict(spec.strict, at(key).skipped);
    }
    if (exists) co_return key;
    admit(spec);
    Reservation reservation(*this, spec);
    std::exception_ptr failure;
    try {
        co_await launch(spec);
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure && spec.start == Start::Sent) {
        // The job may end later, and then there would be a scope of which nobody knows.
        leadOutOf(root_, spec);
        reservation.keep();
        background_.spawn(leadBackLater(std::move(spec)));
    } else if (failure && spec.start == Start::Over) {
        co_await leadBack(spec);
    }
    // That a process has exited says more than what became of the unit without it.
    if (failure && spec.start == Start::Over) requireAlive(spec.processes);
    if (failure) std::rethrow_exception(failure);
    reservation.keep();
    announce(*find(key));
    log::info("sandbox " + label(key) + " runs in " + at(key).controlGroup);
    co_return key;
}

/// Returns when the key is free and PID 1 has room for another start; or when the sandbox that was asked for is there.
async::Task<void> Sandboxes::takeTurn(const SandboxSpec& spec, bool& exists) {
    for (;;) {
        const Sandbox* present = find(spec.key);
        if (present && present->state == State::Running) {
            // It may have ended while PID 1's signal is still on its way.
            const std::string unit = present->unit;
            bool settled = co_await settleOnce(unit);
            if (!settled) settled = co_await settleOnce(unit);
            if (!settled) throw Error(ErrorCode::Busy, "sandbox " + quoted(label(spec.key)) + " is ending");
            present = find(spec.key);
        }
        if (present) {
            co_await join(spec.key, spec.record.token, spec.record.request);
            exists = find(spec.key) != nullptr;
            if (exists) co_return;
            continue;
        }
        const auto starting =
            std::ranges::count_if(sandboxes_, [](const auto& entry) { return entry.second.state == State::Starting; });
        if (starting < kMostStarts) co_return;
        async::Broadcast::Waiter change(changed_);
        co_await change;
    }
}

/// Returns when the sandbox runs, or is not there any more because the request that this one joined came to nothing.
async::Task<void> Sandboxes::join(Key key, std::string token, std::string request) {
    while (const Sandbox* present = find(key)) {
        if (token.empty() || present->record.token != token)
            throw Error(ErrorCode::SandboxExists, "sandbox " + quoted(label(key)) + " exists already");
        if (present->record.request != request)
            throw Error(ErrorCode::TokenMismatch,
                        "sandbox " + quoted(label(key)) + " was asked for with this token but other arguments");
        if (present->state == State::Running) co_return;
        if (present->state == State::Stopping)
            throw Error(ErrorCode::Busy, "sandbox " + quoted(label(key)) + " is stopping");
        async::Broadcast::Waiter change(changed_);
        co_await change;
    }
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
        {"TimeoutStopUSec", static_cast<std::uint64_t>(spec.timeoutStop.count())},
    };
    if (spec.runtimeMax) properties.push_back({"RuntimeMaxUSec", static_cast<std::uint64_t>(spec.runtimeMax->count())});
    std::ranges::copy(plan.properties, std::back_inserter(properties));

    if (limits::available(limits::kPidFds, systemdVersion_) && spec.processes.size() <= kMostFdsPerMessage) {
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
    for (bool started = false; !started;) {
        plan = this->plan(spec.resources, true);
        refuseSkipsIfStrict(spec.strict, plan.skipped);
        const Properties properties = scopeProperties(spec, plan);
        async::Task<void> call = startUnit(spec, properties);
        started = co_await taken(std::move(call), plan.properties);
    }
    std::vector<limits::Skip> skipped = plan.skipped;
    const std::string path = co_await verify(spec);

    const std::optional<cgroup::Group> scope = root_.open(path);
    if (!scope) throw Error(ErrorCode::UnitFailed, "unit " + quoted(spec.unit) + " ended right after its start");
    passOn(root_, path, plan.files);
    const cgroup::Group leaf = furnish(*scope, spec.record);
    Undo unneeded;
    writeFiles(*scope, plan.scopeFiles, true, Refusal::Skip, skipped, unneeded);
    writeFiles(leaf, plan.files, true, Refusal::Skip, skipped, unneeded);
    writeFiles(*scope, plan.echoes, true, Refusal::Skip, skipped, unneeded);
    verifyDevices(*scope, plan.properties, skipped);
    if (plan.program) applyDevices(leaf, plan.program, skipped);
    refuseSkipsIfStrict(spec.strict, skipped);
    state::setMark(leaf.boundaryFile().value(), markOf(kPayload, kPayload, spec.resources, skipped));

    const std::string payload = path + "/" + kPayload;
    for (const Process& process : spec.processes)
        if (process.controlGroup() != payload)
            throw Error(ErrorCode::ProcessUnknown,
                        "process " + std::to_string(process.pid()) + " did not live to see its sandbox");
    Sandbox* reserved = find(spec.key);
    if (!reserved) throw Error(ErrorCode::Failed, "sandbox " + quoted(label(spec.key)) + " lost its reservation");
    Sandbox& sandbox = *reserved;
    sandbox.controlGroup = path;
    sandbox.skipped = std::move(skipped);
    Group group{kPayload, kPayload, payload, sandbox.resources, sandbox.skipped};
    sandbox.groups.insert_or_assign(kPayload, std::move(group));
}

async::Task<void> Sandboxes::startUnit(SandboxSpec& spec, const Properties& properties) {
    constexpr int kMostLostAnswers = 3;
    int lost = 0;
    bool reset = false;
    for (;;) {
        ErrorCode refusal;
        try {
            spec.start = Start::Sent;
            co_await systemd_.startScope(spec.unit, properties);
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
        if (refusal == ErrorCode::NoReply) {
            const bool started = co_await startedAfterAll(spec);
            if (started) co_return;
            continue;
        }
        std::optional<systemd::Unit> present = co_await systemd_.inspect(spec.unit);
        if (reset || (present && !present->ended())) refuseUnit(spec, present);
        // What is left of an earlier unit keeps the name until it is reset.
        reset = true;
        co_await systemd_.resetFailed(spec.unit);
    }
}

/// After a lost answer: whether PID 1 has carried out the call. A PID 1 that executes itself anew drops answers, and
/// calls too.
async::Task<bool> Sandboxes::startedAfterAll(SandboxSpec& spec) {
    const std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::now() + config_.jobTimeout;
    for (;;) {
        std::optional<systemd::Unit> unit = co_await systemd_.inspect(spec.unit);
        if (!unit || state::readRecord(unit->description).record != spec.record) co_return false;
        if (unit->jobPath == "/") break;
        if (std::chrono::steady_clock::now() >= deadline)
            throw Error(ErrorCode::Timeout, "the start job of unit " + quoted(spec.unit) + " is not over in time");
        co_await bus::sleepFor(event_, kBetweenLooks);
    }
    spec.start = Start::Over;
    co_return true;
}

async::Task<std::string> Sandboxes::verify(SandboxSpec& spec) {
    requireAlive(spec.processes);
    std::optional<systemd::Unit> unit = co_await systemd_.inspect(spec.unit);
    const bool ours = unit && state::readRecord(unit->description).record == spec.record;
    if (!ours || !unit->active())
        throw Error(ErrorCode::UnitFailed, "unit " + quoted(spec.unit) + " is " +
                                               (ours ? unit->activeState : std::string("not there")) +
                                               " right after its start");
    std::string path = co_await systemd_.controlGroup(spec.unit);
    requireAlive(spec.processes);
    for (const Process& process : spec.processes)
        if (path.empty() || !cgroup::contains(path, process.controlGroup()))
            throw Error(ErrorCode::UnitFailed, "process " + std::to_string(process.pid()) + " is in " +
                                                   quoted(process.controlGroup()) + " and not in unit " +
                                                   quoted(spec.unit));
    co_return path;
}

/// The order is the kernel's: processes leave the scope's own directory before it passes controllers on, and bounds are
/// set before anybody else is let in. Each step can be repeated.
cgroup::Group Sandboxes::furnish(const cgroup::Group& scope, const state::Record& record) const {
    scope.makeChild(kPayload);
    std::optional<cgroup::Group> payload = scope.child(kPayload);
    if (!payload) throw Error(ErrorCode::UnitFailed, "the scope ended while it was furnished");
    payload->write("cgroup.max.depth", std::to_string(config_.maxDepth));
    payload->write("cgroup.max.descendants", std::to_string(config_.maxDescendants));
    moveAll(scope, *payload);
    for (const std::string& controller : scope.enable(scope.controllers()))
        log::warning("controller " + controller + " cannot be passed on in the scope of sandbox " + record.id);
    if (record.user || record.group)
        payload->handOver(record.user.value_or(static_cast<uid_t>(-1)), record.group.value_or(static_cast<gid_t>(-1)));
    return std::move(*payload);
}

async::Task<void> Sandboxes::leadBack(SandboxSpec& spec) {
    try {
        std::optional<systemd::Unit> unit = co_await systemd_.inspect(spec.unit);
        if (!unit || state::readRecord(unit->description).record != spec.record) co_return;
        const std::string path = co_await systemd_.controlGroup(spec.unit);
        const std::optional<cgroup::Group> scope = path.empty() ? std::nullopt : root_.open(path);
        const std::optional<cgroup::Group> payload = scope ? scope->child(kPayload) : std::nullopt;
        if (payload) leadOut(*payload, spec.processes);
        if (scope) leadOut(*scope, spec.processes);
        // One that is exiting takes a move for granted and stays where it is, for a moment; then PID 1 may be the first
        // to see that the scope is empty, and remove it. What does not leave lives in groups that a process has made by
        // itself, or as threads of a leader that has exited.
        bool left = true;
        if (scope) left = co_await emptied(*scope, kPatienceWithExits);
        if (!left) throw Error(ErrorCode::Failed, "its processes cannot go back to where they were");
        co_await systemd_.stopUnit(spec.unit);
        co_return;
    } catch (const std::exception& error) {
        log::error("unit " + spec.unit + " is not rolled back: " + error.what());
    }
    // It is a sandbox then, whether its maker wants it or not, and can be found and stopped as one.
    settleLater(spec.unit);
}

/// A scope is not stopped before its start job is over: that has crashed PID 1.
async::Task<void> Sandboxes::leadBackLater(SandboxSpec spec) {
    constexpr std::chrono::minutes kPatience{10};
    const std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::now() + kPatience;
    bool over = false;
    while (!over && std::chrono::steady_clock::now() < deadline) {
        co_await bus::sleepFor(event_, kBetweenLooks);
        try {
            std::optional<systemd::Unit> unit = co_await systemd_.inspect(spec.unit);
            over = !unit || unit->jobPath == "/";
        } catch (const Error& error) {
            log::debug("unit " + spec.unit + " cannot be looked at: " + error.what());
        }
    }
    if (over) co_await leadBack(spec);
    const std::string unit = spec.unit;
    retire(spec.key);
    if (!over) settleLater(unit);
}

} // namespace scopewright::sandbox
