// SPDX-License-Identifier: LGPL-2.1-or-later
// Taking over a scope that another program started: its description becomes a record, its processes move to a payload.
// On the way back it is as it was.
#include "base/error.h"
#include "base/log.h"
#include "limits/drift.h"
#include "sandbox/furnish.h"
#include "sandbox/policy.h"
#include "sandbox/sandboxes.h"

#include <algorithm>
#include <exception>
#include <iterator>

namespace scopewright::sandbox {

/// What the scope was like.
struct Sandboxes::Former {
    bool changed = false;
    bool furnished = false; ///< the payload is ours
    std::string controlGroup;
    Properties properties; ///< that bring back what PID 1 had
    std::vector<std::string> passedOn;
    Undo files;
};

namespace {

/// The words for people that a description has already, without what PID 1 could take for syntax.
std::string wordsOf(std::string description) {
    constexpr std::size_t kLongest = 256;
    description.resize(std::min(description.size(), kLongest));
    for (char& c : description)
        if (!state::isPlain(std::string_view(&c, 1))) c = '_';
    return description;
}

bool isDelegated(const Properties& shown) {
    const auto found = std::ranges::find(shown, "Delegate", &Property::name);
    const bool* delegated = found == shown.end() ? nullptr : std::get_if<bool>(&found->value);
    return delegated && *delegated;
}

void refuseUnlessAdoptable(const std::string& name, const std::optional<systemd::Unit>& unit) {
    if (!unit || !unit->active())
        throw Error(ErrorCode::UnitFailed,
                    "unit " + quoted(name) + " is " + (unit ? unit->activeState : std::string("not there")));
    if (unit->jobPath != "/") throw Error(ErrorCode::Busy, "systemd is at work on unit " + quoted(name));
    const state::ReadRecord read = state::readRecord(unit->description);
    if (read.state == state::RecordState::Ours)
        throw Error(ErrorCode::SandboxExists, "unit " + quoted(name) + " is sandbox " + quoted(read.record.id));
    if (read.state != state::RecordState::Foreign)
        throw Error(ErrorCode::UnitNameTaken, "unit " + quoted(name) + " has a record that cannot be read");
}

void refuseUnlessOurs(const std::string& name, const cgroup::Group& scope) {
    // Who owns the directory could make groups in it that look like ours.
    if (scope.owner() != ownUid())
        throw Error(ErrorCode::NotSupported, "the directory of unit " + quoted(name) + " belongs to uid " +
                                                 std::to_string(scope.owner()) +
                                                 "; only a user's own manager hands such a scope to that user");
    if (!scope.populated().value_or(false))
        throw Error(ErrorCode::UnitFailed, "unit " + quoted(name) + " has no process");
    if (scope.child(kPayload))
        throw Error(ErrorCode::GroupExists, "unit " + quoted(name) + " has a group 'payload' of its own");
}

} // namespace

async::Task<Key> Sandboxes::adopt(SandboxSpec spec) {
    const Key key = spec.key;
    bus::Turns::Turn turn = co_await takeTurn(spec);
    if (!turn) co_return key;
    admitAnother(spec);
    Reservation reservation(registry_, spec);
    Former former;
    std::exception_ptr failure;
    try {
        co_await takeOver(spec, former);
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure && former.changed) co_await release(spec, former);
    if (failure) std::rethrow_exception(failure);
    reservation.keep();
    registry_.announce(*registry_.find(key), State::Running);
    log::info("sandbox " + label(key) + " is unit " + spec.unit + ", adopted");
    co_return key;
}

async::Task<void> Sandboxes::takeOver(SandboxSpec& spec, Former& former) {
    std::optional<systemd::Unit> unit = co_await host_.systemd.inspect(spec.unit);
    refuseUnlessAdoptable(spec.unit, unit);
    Properties shown = co_await host_.systemd.scopeProperties(spec.unit);
    if (!isDelegated(shown))
        throw Error(ErrorCode::NotDelegated, "unit " + quoted(spec.unit) +
                                                 " was started without Delegate=yes: its "
                                                 "control group is systemd's");
    former.controlGroup = co_await host_.systemd.controlGroup(spec.unit);
    const std::optional<cgroup::Group> scope =
        former.controlGroup.empty() ? std::nullopt : host_.root.open(former.controlGroup);
    if (!scope) throw Error(ErrorCode::UnitFailed, "unit " + quoted(spec.unit) + " has no control group");
    if (const Sandbox* other = registry_.containing(former.controlGroup))
        throw Error(ErrorCode::ForeignUnit,
                    "unit " + quoted(spec.unit) + " lies in sandbox " + quoted(label(other->key)));
    refuseUnlessOurs(spec.unit, *scope);

    if (spec.words.empty()) spec.words = wordsOf(unit->description);
    limits::ScopePlan plan;
    for (bool told = false; !told;) {
        plan = enforcer_.plan(spec.resources, false);
        limits::Context context = enforcer_.planningContext(spec.resources);
        for (const limits::Skip& skip : limits::standing({}, spec.resources, context, shown).fixed)
            addSkip(plan.skipped, skip);
        refuseSkipsIfStrict(spec.strict, plan.skipped);
        former.properties = limits::asBefore(plan.properties, shown);
        former.properties.push_back({"Description", wordsOf(unit->description)});
        Properties properties = plan.properties;
        properties.push_back({"Description", state::describe(spec.words, spec.record)});
        try {
            async::Task<void> call = host_.systemd.setUnitProperties(spec.unit, properties);
            told = co_await enforcer_.taken(std::move(call), plan.properties);
            former.changed = told;
        } catch (const Error& error) {
            // A lost answer may be that of a call that was carried out.
            former.changed = error.code() == ErrorCode::NoReply || error.code() == ErrorCode::Timeout;
            throw;
        }
    }
    if (scope->child(kPayload))
        throw Error(ErrorCode::GroupExists, "unit " + quoted(spec.unit) + " has got a group 'payload' meanwhile");
    former.furnished = true;
    std::ranges::set_difference(scope->controllers(), scope->passedOn(), std::back_inserter(former.passedOn));
    const Furnishing furnishing{spec.record, spec.resources, plan, spec.strict};
    std::vector<limits::Skip> skipped = furnish(host_, *scope, former.controlGroup, furnishing, former.files);
    settleIn(spec, former.controlGroup, std::move(skipped));
}

async::Task<void> Sandboxes::release(SandboxSpec& spec, Former& former) {
    try {
        former.files.run();
        const std::optional<cgroup::Group> scope = host_.root.open(former.controlGroup);
        const std::optional<cgroup::Group> payload = scope && former.furnished ? scope->child(kPayload) : std::nullopt;
        // Processes may live in the scope itself again only when it passes nothing on.
        if (scope) scope->disable(former.passedOn);
        if (payload) {
            moveAll(*payload, *scope);
            scope->removeChild(kPayload);
        }
        co_await host_.systemd.setUnitProperties(spec.unit, former.properties);
        co_return;
    } catch (const std::exception& error) {
        log::error("unit " + spec.unit + " is not as it was before it was to be adopted: " + error.what());
    }
    // It is a sandbox then, and can be found and stopped as one.
    recovery_.settleLater(spec.unit);
}

} // namespace scopewright::sandbox
