// SPDX-License-Identifier: LGPL-2.1-or-later
// Settling a unit against what PID 1 and the kernel say of it: one path for the start, for signals and for reloads.
#include "sandbox/recovery.h"

#include "base/error.h"
#include "base/log.h"
#include "sandbox/furnish.h"
#include "sandbox/groups.h"
#include "sandbox/settle.h"
#include "state/marks.h"

#include <exception>
#include <set>
#include <string_view>
#include <utility>

namespace scopewright::sandbox {

namespace {

constexpr std::chrono::milliseconds kBetweenLooks{250};

/// Why a sandbox is no more: see Removed in org.scopewright1(5).
const char* reasonOf(UnitState unit, const Sandbox& sandbox) {
    if (unit == UnitState::Failed) return "failed";
    return sandbox.jobDone ? "unit-stopped" : "exited";
}

UnitState unitState(const std::optional<systemd::Unit>& unit) {
    if (!unit || unit->activeState == "inactive") return UnitState::Absent;
    if (unit->activeState == "failed") return UnitState::Failed;
    if (unit->activeState == "activating") return UnitState::Activating;
    if (unit->activeState == "deactivating") return UnitState::Deactivating;
    return UnitState::Active;
}

bool isReady(const cgroup::Group& payload) {
    const std::optional<state::Mark> mark = state::readMark(payload.boundaryFile().value());
    return mark && mark->kind == kPayload;
}

/// A record that another unit's description also carries, or an id that no caller could have chosen, proves nothing.
bool isBelievable(const std::string& unit, const state::Record& record) {
    try {
        checkId(record.id);
        return record.unit == unit;
    } catch (const Error&) {
        return false;
    }
}

state::ReadRecord readOwn(const std::string& unit, const std::optional<systemd::Unit>& seen) {
    state::ReadRecord read = state::readRecord(seen ? seen->description : "");
    if (read.state == state::RecordState::Ours && !isBelievable(unit, read.record))
        read.state = state::RecordState::Corrupt;
    return read;
}

std::optional<state::Record> ownRecord(const std::string& unit, const std::optional<systemd::Unit>& seen) {
    const state::ReadRecord read = readOwn(unit, seen);
    return read.state == state::RecordState::Ours ? std::optional(read.record) : std::nullopt;
}

Observation observe(const std::string& unit, const std::optional<systemd::Unit>& seen,
                    const std::optional<cgroup::Group>& scope) {
    Observation observation;
    observation.unit = unitState(seen);
    observation.record = readOwn(unit, seen).state;
    if (observation.record == state::RecordState::Corrupt || observation.record == state::RecordState::Newer)
        log::warning("unit " + quoted(unit) + " has a record that is " +
                     (observation.record == state::RecordState::Newer ? "of a newer scopewright" : "not its own") +
                     "; it is left alone");
    const std::optional<cgroup::Group> payload = scope ? scope->child(kPayload) : std::nullopt;
    observation.payload = payload.has_value();
    observation.ready = payload && isReady(*payload);
    const std::optional<bool> populated = scope ? scope->populated() : std::nullopt;
    observation.visible = populated.has_value();
    observation.populated = populated.value_or(false);
    return observation;
}

} // namespace

async::Task<void> Recovery::run() {
    const std::vector<systemd::Unit> units = co_await host_.systemd.listScopes();
    for (const systemd::Unit& unit : units) {
        if (state::readRecord(unit.description).state == state::RecordState::Foreign) continue;
        // What takes PID 1 time must not keep the first caller waiting.
        bool settled = false;
        try {
            settled = co_await settleSeen(unit.name, unit);
        } catch (const std::exception& error) {
            log::error("unit " + quoted(unit.name) + " could not be settled: " + error.what());
        }
        if (!settled) settleLater(unit.name);
    }
    sweep(units);
    log::info("found " + std::to_string(registry_.all().size()) + " sandboxes");
}

/// Directories that units of ours have left: PID 1 gives up on what is nested too deep. Only those without a process,
/// and only under names that we alone give.
void Recovery::sweep(const std::vector<systemd::Unit>& units) const {
    std::set<std::string_view> known;
    for (const systemd::Unit& unit : units)
        known.insert(unit.name);
    std::set<std::string> slices(host_.config.allowedSlices.begin(), host_.config.allowedSlices.end());
    slices.insert(host_.config.defaultSlice);
    for (const std::string& slice : slices) {
        const std::optional<cgroup::Group> group =
            config::isSliceName(slice) ? host_.root.open(host_.systemdGroup + slicePath(slice)) : std::nullopt;
        if (!group) continue;
        for (const std::string& name : group->children()) {
            if (!isDefaultUnit(name) || known.contains(name)) continue;
            try {
                const std::optional<cgroup::Group> orphan = group->child(name);
                if (!orphan || orphan->populated().value_or(true)) continue;
                group->removeChild(name);
                log::info("the cgroup of unit " + name + " outlived it and was removed");
            } catch (const std::exception& error) {
                log::warning("the cgroup of unit " + name + " outlived it and stays: " + error.what());
            }
        }
    }
}

/// Nearly all signals of a busy host are about units that are no sandboxes; those of a unit on which an operation is
/// under way are its own business.
void Recovery::recheck(const std::string& unit) {
    const Sandbox* sandbox = registry_.ofUnit(unit);
    if (sandbox && sandbox->up()) settleLater(unit);
}

void Recovery::recheckAll() {
    for (const auto& [key, sandbox] : registry_.all())
        recheck(sandbox.unit);
}

void Recovery::jobDone(const std::string& unit) {
    if (Sandbox* sandbox = registry_.ofUnit(unit)) sandbox->jobDone = true;
    recheck(unit);
}

/// One at a time: a daemon-reload asks for all of them at once, and dbus-daemon takes 128 unanswered calls.
void Recovery::settleLater(const std::string& unit) {
    due_.insert(unit);
    if (std::exchange(settling_, true)) return;
    background_.spawn(settleDue());
}

async::Task<void> Recovery::settleDue() {
    struct Reset {
        bool& flag;
        ~Reset() { flag = false; }
    } reset{settling_};
    std::set<std::string> unsettled;
    for (;;) {
        while (!due_.empty()) {
            const std::string unit = *due_.begin();
            // From here on a new signal means a new look.
            due_.erase(due_.begin());
            const bool settled = co_await trySettle(unit);
            if (!settled) unsettled.insert(unit);
        }
        if (unsettled.empty()) break;
        co_await bus::sleepFor(host_.event, kBetweenLooks);
        due_.merge(unsettled);
        unsettled.clear();
    }
}

async::Task<bool> Recovery::trySettle(std::string unit) {
    try {
        const bool settled = co_await settleOnce(unit);
        co_return settled;
    } catch (const std::exception& error) {
        log::debug("unit " + quoted(unit) + " could not be settled yet: " + error.what());
        co_return false;
    }
}

async::Task<bool> Recovery::settleOnce(std::string unit) {
    std::optional<systemd::Unit> seen = co_await host_.systemd.inspect(unit);
    const bool settled = co_await settleSeen(unit, seen);
    co_return settled;
}

async::Task<bool> Recovery::settleSeen(std::string unit, std::optional<systemd::Unit> seen) {
    const std::optional<state::Record> record = ownRecord(unit, seen);
    std::string path;
    if (record && unitState(seen) == UnitState::Active) path = co_await host_.systemd.controlGroup(unit);

    // No wait from here to the verdict's deed: it is about what is there now.
    const Sandbox* entry = registry_.ofUnit(unit);
    // An operation under way looks for itself, and knows more than this does; but it may be one that is about to be
    // refused because of this very unit, and then nobody else would look.
    if (entry && !entry->up()) co_return false;
    const Sandbox* rival = record ? registry_.find(Key{record->uid, record->id}) : nullptr;
    if (rival && !rival->up()) co_return false;

    const std::optional<cgroup::Group> scope = path.empty() ? std::nullopt : host_.root.open(path);
    switch (settle(observe(unit, seen, scope))) {
        case Verdict::Ignore:
        case Verdict::SetAside: break;
        case Verdict::Forget:
            if (entry) registry_.retire(Key(entry->key), reasonOf(unitState(seen), *entry));
            if (record && unitState(seen) == UnitState::Failed) co_await host_.systemd.resetFailed(unit);
            break;
        case Verdict::Wait: co_return false;
        case Verdict::Stop:
            // The next look finds it gone.
            co_await host_.systemd.stopUnit(unit);
            co_return false;
        case Verdict::Finish: finish(*seen, *record, *scope, path); break;
        case Verdict::Keep: {
            Sandbox* kept = entry ? registry_.find(Key(entry->key)) : load(*seen, *record, *scope, path);
            if (!kept) break;
            const Key key = kept->key;
            if (!entry) co_await enforcer_.resume(key);
            // After a reload, or while nobody watched, somebody may have written to our files.
            if (Sandbox* present = registry_.find(key)) enforcer_.restore(*present);
            break;
        }
    }
    co_return true;
}

/// The unit has told PID 1 and us all there is to know: what is left are our own steps.
void Recovery::finish(const systemd::Unit& unit, const state::Record& record, const cgroup::Group& scope,
                      const std::string& controlGroup) {
    const std::optional<limits::Resources> asked = limits::fromText(record.resources);
    if (!asked) log::warning("unit " + quoted(unit.name) + ": what was asked for cannot be read");
    const limits::Resources resources = asked.value_or(limits::Resources());
    const limits::ScopePlan plan = enforcer_.plan(resources, !record.adopted);
    Undo unneeded = Undo::unneeded();
    furnish(host_, scope, controlGroup, Furnishing{record, resources, plan}, unneeded);
    load(unit, record, scope, controlGroup);
}

/// Null if another unit has a better claim to be the sandbox.
Sandbox* Recovery::load(const systemd::Unit& unit, const state::Record& record, const cgroup::Group& scope,
                        const std::string& controlGroup) {
    const Key key{record.uid, record.id};
    if (const Sandbox* other = registry_.find(key)) {
        const bool stronger = unit.name == defaultUnit(key) && other->unit != unit.name;
        log::warning("units " + quoted(unit.name) + " and " + quoted(other->unit) + " both claim to be sandbox " +
                     label(key) + "; the " + (stronger ? "former" : "latter") + " is believed");
        if (!stronger) return nullptr;
        registry_.retire(key, "unit-stopped");
    }
    // In a scope that another program made, directories without a mark are that program's.
    if (!record.adopted) removeLeftovers(scope);
    Sandbox sandbox;
    sandbox.key = key;
    sandbox.unit = unit.name;
    sandbox.controlGroup = controlGroup;
    sandbox.slice = sliceOf(controlGroup);
    sandbox.record = record;
    sandbox.groups = readGroups(scope, controlGroup);
    auto payload = sandbox.groups.find(kPayload);
    if (payload == sandbox.groups.end())
        throw Error(ErrorCode::Io, "the payload group of unit " + quoted(unit.name) + " cannot be read");
    sandbox.resources = payload->second.resources;
    sandbox.skipped = payload->second.skipped;
    const std::vector<cgroup::Group> groups = processGroups(scope, sandbox);
    const bool frozen = !groups.empty() && groups.front().read("cgroup.freeze").value_or("0\n") == "1\n";
    // A freeze, or a thaw, that was cut short: the payload says which it was.
    if (frozen) writeFreezer(groups, true);
    Sandbox& added = registry_.add(std::move(sandbox));
    registry_.announce(added, frozen ? State::Frozen : State::Running);
    return &added;
}

} // namespace scopewright::sandbox
