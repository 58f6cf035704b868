// SPDX-License-Identifier: LGPL-2.1-or-later
// Changing what a living sandbox, or a group of it, may use.
#include "base/error.h"
#include "base/log.h"
#include "cgroup/path.h"
#include "sandbox/apply.h"
#include "sandbox/enforcer.h"
#include "state/marks.h"

#include <algorithm>
#include <charconv>
#include <iterator>

namespace scopewright::sandbox {

namespace {

/// Only when it was asked for: the kernel takes a limit below the use and kills until it fits.
void refuseIfInUse(const cgroup::Group& group, const limits::Resources& wanted) {
    if (!wanted.checkBeforeUpdate.value_or(false)) return;
    const std::optional<std::string> text = group.read("memory.current");
    std::uint64_t usage = 0;
    if (text) std::from_chars(text->data(), text->data() + text->size(), usage);
    limits::checkUsage(wanted, usage);
}

} // namespace

limits::Context Enforcer::planningContext(const limits::Resources& resources) const {
    limits::Context context;
    context.systemdVersion = host_.systemdVersion;
    context.controllers = host_.top.controllers();
    context.devicePrograms = true;
    context.absentDevices = absentDevices(resources);
    context.notTaken = notTaken_;
    return context;
}

/// PID 1 is told of limits for which there is no controller too: it may get one later. Until then they are not in
/// force.
limits::ScopePlan Enforcer::plan(const limits::Resources& resources, bool starting) const {
    limits::Context context = planningContext(resources);
    context.starting = starting;
    const std::vector<limits::Skip> skipped = limits::planScope(resources, context).skipped;
    context.controllers = limits::Context().controllers;
    limits::ScopePlan plan = limits::planScope(resources, context);
    for (const limits::Skip& skip : skipped)
        addSkip(plan.skipped, skip);
    return plan;
}

GroupRules Enforcer::groupRules() const {
    const config::Config& config = host_.config;
    limits::CompatStyle style;
    if (config.compatWeight == "quadratic") style.weight = limits::WeightFormula::Quadratic;
    if (config.compatReservation == "min") style.reservation = limits::ReservationFile::Min;
    if (config.compatReservation == "low") style.reservation = limits::ReservationFile::Low;
    return GroupRules{host_.systemdVersion, config.controllers, style, config.maxDepth, config.maxDescendants};
}

async::Task<void> Enforcer::update(Key key, limits::Resources wanted) {
    Sandbox& sandbox = registry_.ready(key);
    limits::Resources merged = limits::merge(sandbox.resources, wanted);
    limits::checkTogether(merged);
    refuseIfInUse(registry_.scopeOf(sandbox), wanted);
    co_await carryOut(key, std::move(merged));
}

async::Task<void> Enforcer::carryOut(Key key, limits::Resources merged) {
    Sandbox& sandbox = registry_.at(key);
    const std::optional<cgroup::Group> payload = registry_.scopeOf(sandbox).child(kPayload);
    if (!payload) throw Error(ErrorCode::NoSuchSandbox, "the payload of sandbox " + quoted(label(key)) + " is gone");
    const UniqueFd boundary = payload->boundaryFile();
    state::setIntent(boundary.value(), limits::toText(merged));
    const limits::Resources before = sandbox.resources;
    const std::uint64_t serial = sandbox.serial;
    sandbox.underway = "updated";
    std::exception_ptr failure;
    try {
        co_await change(key, before, std::move(merged));
    } catch (...) {
        failure = std::current_exception();
    }
    forgetIntent(boundary.value());
    if (Sandbox* present = registry_.find(key, serial)) {
        present->underway.clear();
        registry_.watch(*present);
    }
    if (failure) std::rethrow_exception(failure);
}

async::Task<void> Enforcer::resume(Key key) {
    const std::string controlGroup = registry_.at(key).controlGroup;
    const std::optional<cgroup::Group> scope = host_.root.open(controlGroup);
    std::vector<std::pair<std::string, limits::Resources>> cut;
    for (const auto& [name, group] : registry_.at(key).groups) {
        const std::optional<cgroup::Group> directory = scope ? scope->child(directoryOf(group)) : std::nullopt;
        const std::optional<std::string> intent =
            directory ? state::readIntent(directory->boundaryFile().value()) : std::nullopt;
        if (!intent) continue;
        // Of all that it says only the last step may be missing: that one is made again then, and changes nothing.
        if (const std::optional<limits::Resources> wanted = limits::fromText(*intent))
            cut.emplace_back(name, *wanted);
        else
            state::clearIntent(directory->boundaryFile().value());
    }
    for (auto& [name, wanted] : cut) {
        try {
            log::info("sandbox " + label(key) + ", group " + name + ": an update was cut short and is carried out now");
            if (name == kPayload)
                co_await carryOut(key, std::move(wanted));
            else
                updateGroup(key, name, wanted);
        } catch (const Error& error) {
            log::warning("sandbox " + label(key) + ", group " + name +
                         ": what an update had begun is not in force: " + error.what());
        }
    }
}

async::Task<void> Enforcer::change(Key key, limits::Resources before, limits::Resources merged) {
    const std::string unit = registry_.at(key).unit;
    Properties shown = co_await host_.systemd.scopeProperties(unit);
    limits::Context context = planningContext(merged);
    context.controllers = limits::Context().controllers;
    const limits::Standing standing = limits::standing(before, merged, context, shown);
    const Properties told = this->plan(merged, false).properties;
    const Properties back = limits::asBefore(told, shown);
    const limits::Resources emptied = limits::emptiedBy(back, told);
    const bool growing = isGrowing(before, merged);
    auto undo = [&](std::exception_ptr) { return goBack(key, back, emptied); };
    async::Task<void> work = putInForce(key, std::move(merged), growing, standing);
    co_await async::orUndo(std::move(work), undo);
}

/// After a failure: the files that were written have their old values again, the properties have not.
async::Task<void> Enforcer::goBack(Key key, Properties back, limits::Resources emptied) {
    try {
        const std::string unit = registry_.at(key).unit;
        co_await host_.systemd.setUnitProperties(unit, back);
        Sandbox& sandbox = registry_.at(key);
        const cgroup::Group scope = registry_.scopeOf(sandbox);
        std::vector<limits::Skip> unused;
        Undo unneeded = Undo::unneeded();
        writeFiles(scope, this->plan(emptied, false).scopeFiles, true, Refusal::Skip, unused, unneeded);
        if (const std::optional<cgroup::Group> payload = scope.child(kPayload))
            applyDevices(*payload, this->plan(sandbox.resources, false).program, unused);
    } catch (const std::exception& error) {
        log::error("sandbox " + label(key) + ": what was in force before could not be brought back: " + error.what());
    }
    // The burst for one, which had to make way for the quota.
    if (Sandbox* present = registry_.find(key)) {
        present->underway.clear();
        restore(*present);
    }
}

async::Task<void> Enforcer::putInForce(Key key, limits::Resources merged, bool growing, limits::Standing standing) {
    const std::string unit = registry_.at(key).unit;
    // The kernel refuses a quota below the burst, and PID 1 then only writes that to its log.
    registry_.scopeOf(registry_.at(key)).tryWrite("cpu.max.burst", "0");
    limits::ScopePlan plan;
    for (bool done = false; !done;) {
        plan = this->plan(merged, false);
        std::erase_if(plan.properties,
                      [&](const Property& property) { return standing.others.contains(property.name); });
        async::Task<void> call = host_.systemd.setUnitProperties(unit, plan.properties);
        done = co_await taken(std::move(call), plan.properties);
    }
    // It attaches a device program when it comes to that in its own time, but before it reads another call.
    if (plan.tells("DevicePolicy")) co_await host_.systemd.inspect(unit);
    std::ranges::move(limits::takenBack(this->plan(registry_.at(key).resources, false).files, plan.files),
                      std::back_inserter(plan.files));

    Sandbox& sandbox = registry_.at(key);
    const cgroup::Group scope = registry_.scopeOf(sandbox);
    const std::optional<cgroup::Group> payload = scope.child(kPayload);
    if (!payload) throw Error(ErrorCode::NoSuchSandbox, "the payload of sandbox " + quoted(label(key)) + " is gone");
    passOn(host_.root, sandbox.controlGroup, plan.files);
    scope.enable(scope.controllers());
    std::vector<limits::Skip> skipped = plan.skipped;
    // What PID 1 wrote for an administrator stays.
    for (std::vector<limits::FileValue>* files : {&plan.scopeFiles, &plan.echoes})
        std::erase_if(*files, [&](const limits::FileValue& file) { return standing.others.contains(file.property); });
    for (const limits::Skip& skip : standing.fixed)
        addSkip(skipped, skip);
    Undo undo;
    try {
        // An administrator's quota may be below our burst.
        const Refusal refusal = standing.others.empty() ? Refusal::Throw : Refusal::Skip;
        writeFiles(scope, plan.scopeFiles, growing, refusal, skipped, undo);
        writeFiles(*payload, plan.files, growing, Refusal::Throw, skipped, undo);
        writeFiles(scope, plan.echoes, growing, Refusal::Skip, skipped, undo);
        verifyDevices(scope, plan.properties, skipped);
        applyDevices(*payload, plan.program, skipped);
        state::setMark(payload->boundaryFile().value(), markOf(kPayload, kPayload, merged, skipped));
    } catch (...) {
        undo.run();
        throw;
    }
    sandbox.stubborn.clear();
    sandbox.resources = std::move(merged);
    sandbox.skipped = std::move(skipped);
    Group& group = sandbox.groups.at(kPayload);
    group.resources = sandbox.resources;
    group.skipped = sandbox.skipped;
    registry_.observer().resourcesChanged(sandbox);
}

void Enforcer::updateGroup(const Key& key, const std::string& name, const limits::Resources& wanted) {
    Sandbox& sandbox = registry_.ready(key);
    Group& group = groupOf(sandbox, name);
    if (name == kPayload)
        throw Error(ErrorCode::InvalidArgument, "group 'payload' has its sandbox's limits; update that instead");
    const cgroup::Group directory = registry_.directoryOf(sandbox, group);
    refuseIfInUse(directory, wanted);
    sandbox::updateGroup(directory, group, wanted, groupRules());
    registry_.observer().groupChanged(sandbox, group);
}

} // namespace scopewright::sandbox
