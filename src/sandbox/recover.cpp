// SPDX-License-Identifier: LGPL-2.1-or-later
// Settling a unit against what PID 1 and the kernel say of it: one path for the start, for signals and for reloads.
#include "base/error.h"
#include "base/log.h"
#include "sandbox/groups.h"
#include "sandbox/sandboxes.h"
#include "sandbox/settle.h"
#include "state/marks.h"

#include <exception>
#include <utility>

namespace scopewright::sandbox {

namespace {

constexpr std::chrono::milliseconds kBetweenLooks{250};

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

async::Task<void> Sandboxes::recover() {
    watching_.spawn(watchFiles());
    const std::vector<systemd::Unit> units = co_await systemd_.listScopes();
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
    log::info("found " + std::to_string(sandboxes_.size()) + " sandboxes");
}

/// Nearly all signals of a busy host are about units that are no sandboxes; those of a unit on which an operation is
/// under way are its own business.
void Sandboxes::recheck(const std::string& unit) {
    auto known = byUnit_.find(unit);
    if (known != byUnit_.end() && at(known->second).state == State::Running) settleLater(unit);
}

void Sandboxes::recheckAll() {
    for (const auto& [unit, key] : byUnit_)
        recheck(unit);
}

/// One at a time: a daemon-reload asks for all of them at once, and dbus-daemon takes 128 unanswered calls.
void Sandboxes::settleLater(const std::string& unit) {
    due_.insert(unit);
    if (std::exchange(settling_, true)) return;
    background_.spawn(settleDue());
}

async::Task<void> Sandboxes::settleDue() {
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
        co_await bus::sleepFor(event_, kBetweenLooks);
        due_.merge(unsettled);
        unsettled.clear();
    }
    settling_ = false;
}

async::Task<bool> Sandboxes::trySettle(std::string unit) {
    try {
        const bool settled = co_await settleOnce(unit);
        co_return settled;
    } catch (const std::exception& error) {
        log::debug("unit " + quoted(unit) + " could not be settled yet: " + error.what());
        co_return false;
    }
}

async::Task<bool> Sandboxes::settleOnce(std::string unit) {
    std::optional<systemd::Unit> seen = co_await systemd_.inspect(unit);
    const bool settled = co_await settleSeen(unit, seen);
    co_return settled;
}

async::Task<bool> Sandboxes::settleSeen(std::string unit, std::optional<systemd::Unit> seen) {
    const std::optional<state::Record> record = ownRecord(unit, seen);
    std::string path;
    if (record && unitState(seen) == UnitState::Active) path = co_await systemd_.controlGroup(unit);

    // No wait from here to the verdict's deed: it is about what is there now.
    const auto known = byUnit_.find(unit);
    const std::optional<Key> entry = known == byUnit_.end() ? std::nullopt : std::optional(known->second);
    // An operation under way looks for itself, and knows more than this does; but it may be one that is about to be
    // refused because of this very unit, and then nobody else would look.
    if (entry && at(*entry).state != State::Running) co_return false;

    const std::optional<cgroup::Group> scope = path.empty() ? std::nullopt : root_.open(path);
    switch (settle(observe(unit, seen, scope))) {
        case Verdict::Ignore:
        case Verdict::SetAside: break;
        case Verdict::Forget:
            if (entry) retire(*entry);
            if (record && unitState(seen) == UnitState::Failed) co_await systemd_.resetFailed(unit);
            break;
        case Verdict::Wait: co_return false;
        case Verdict::Stop:
            // The next look finds it gone.
            co_await systemd_.stopUnit(unit);
            co_return false;
        case Verdict::Finish: {
            const cgroup::Group leaf = furnish(*scope, *record);
            state::setMark(leaf.boundaryFile().value(), markOf(kPayload, kPayload, {}, {}));
            load(*seen, *record, *scope, path);
            break;
        }
        case Verdict::Keep:
            if (!entry) load(*seen, *record, *scope, path);
            // After a reload, or while nobody watched, somebody may have written to our files.
            if (Sandbox* kept = find(Key{record->uid, record->id})) restore(*kept);
            break;
    }
    co_return true;
}

void Sandboxes::load(const systemd::Unit& unit, const state::Record& record, const cgroup::Group& scope,
                     const std::string& controlGroup) {
    const Key key{record.uid, record.id};
    if (const Sandbox* other = find(key)) {
        const bool stronger = unit.name == defaultUnit(key) && other->unit != unit.name;
        log::warning("units " + quoted(unit.name) + " and " + quoted(other->unit) + " both claim to be sandbox " +
                     label(key) + "; the " + (stronger ? "former" : "latter") + " is believed");
        if (!stronger) return;
        retire(key);
    }
    Sandbox sandbox;
    sandbox.key = key;
    sandbox.unit = unit.name;
    sandbox.controlGroup = controlGroup;
    const std::size_t end = controlGroup.rfind('/');
    const std::size_t start = end == 0 ? std::string::npos : controlGroup.rfind('/', end - 1);
    sandbox.slice = start == std::string::npos ? "-.slice" : controlGroup.substr(start + 1, end - start - 1);
    sandbox.record = record;
    sandbox.groups = readGroups(scope, controlGroup);
    auto payload = sandbox.groups.find(kPayload);
    if (payload == sandbox.groups.end())
        throw Error(ErrorCode::Io, "the payload group of unit " + quoted(unit.name) + " cannot be read");
    sandbox.resources = payload->second.resources;
    sandbox.skipped = payload->second.skipped;
    byUnit_.emplace(sandbox.unit, key);
    announce(sandboxes_.emplace(key, std::move(sandbox)).first->second);
}

} // namespace scopewright::sandbox
