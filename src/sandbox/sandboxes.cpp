// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sandbox/sandboxes.h"

#include "base/error.h"
#include "base/log.h"
#include "cgroup/path.h"

#include <algorithm>
#include <exception>

namespace scopewright::sandbox {

namespace {

void reportStray(std::exception_ptr error) noexcept {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& failure) {
        log::error(std::string("a background operation failed: ") + failure.what());
    }
}

} // namespace

const char* toString(State state) {
    switch (state) {
        case State::Starting: return "starting";
        case State::Running: return "running";
        case State::Stopping: return "stopping";
    }
    return "";
}

Sandboxes::Sandboxes(sd_event* event, systemd::Manager& systemd, unsigned systemdVersion, cgroup::Group root,
                     const config::Config& config, Observer& observer)
    : event_(event),
      systemd_(systemd),
      systemdVersion_(systemdVersion),
      root_(std::move(root)),
      config_(config),
      observer_(observer),
      background_(reportStray),
      watching_(reportStray) {}

Sandbox* Sandboxes::find(const Key& key) {
    auto found = sandboxes_.find(key);
    return found == sandboxes_.end() ? nullptr : &found->second;
}

const Sandbox& Sandboxes::at(const Key& key) const {
    auto found = sandboxes_.find(key);
    if (found == sandboxes_.end()) throw Error(ErrorCode::NoSuchSandbox, "there is no sandbox " + quoted(label(key)));
    return found->second;
}

Sandbox& Sandboxes::running(const Key& key) {
    at(key);
    Sandbox& sandbox = *find(key);
    if (sandbox.state != State::Running)
        throw Error(ErrorCode::Busy, "sandbox " + quoted(label(key)) + " is " + toString(sandbox.state));
    if (sandbox.updating) throw Error(ErrorCode::Busy, "sandbox " + quoted(label(key)) + " is being updated");
    return sandbox;
}

const Sandbox* Sandboxes::containing(std::string_view controlGroup) const {
    for (const auto& [key, sandbox] : sandboxes_)
        if (!sandbox.controlGroup.empty() && cgroup::contains(sandbox.controlGroup, controlGroup)) return &sandbox;
    return nullptr;
}

void Sandboxes::changeState(Sandbox& sandbox, State state) {
    sandbox.state = state;
    if (sandbox.announced) observer_.stateChanged(sandbox);
    changed_.notify();
}

void Sandboxes::announce(Sandbox& sandbox) {
    sandbox.state = State::Running;
    sandbox.announced = true;
    watch(sandbox);
    observer_.sandboxAdded(sandbox);
    changed_.notify();
}

void Sandboxes::retire(const Key& key) {
    auto found = sandboxes_.find(key);
    if (found == sandboxes_.end()) return;
    const Sandbox gone = std::move(found->second);
    byUnit_.erase(gone.unit);
    unwatch(gone);
    sandboxes_.erase(found);
    if (gone.announced) {
        log::info("sandbox " + label(key) + " is gone");
        observer_.sandboxRemoved(gone);
    }
    changed_.notify();
}

void Sandboxes::admit(SandboxSpec& spec) const {
    const auto ours = std::ranges::count(sandboxes_, spec.key.uid, [](const auto& entry) { return entry.first.uid; });
    if (static_cast<std::uint64_t>(ours) >= config_.sandboxesPerUser)
        throw Error(ErrorCode::LimitsExceeded,
                    "uid " + std::to_string(spec.key.uid) + " has " + std::to_string(ours) + " sandboxes already");
    if (auto taken = byUnit_.find(spec.unit); taken != byUnit_.end())
        throw Error(ErrorCode::UnitNameTaken,
                    "unit " + quoted(spec.unit) + " is sandbox " + quoted(label(taken->second)));
    for (Process& process : spec.processes) {
        process.checkMovableBy(spec.key.uid);
        process.rememberSource(root_);
        const std::string& source = process.sourceControlGroup();
        if (const Sandbox* other = containing(source))
            throw Error(ErrorCode::ForeignUnit,
                        "process " + std::to_string(process.pid()) + " lives in sandbox " + quoted(label(other->key)));
        const std::string slice = "/user.slice/user-" + std::to_string(spec.key.uid) + ".slice";
        if (spec.key.uid != 0 && !cgroup::contains(slice, source))
            throw Error(ErrorCode::ForeignUnit, "process " + std::to_string(process.pid()) + " lives in " +
                                                    quoted(source) + ", which is not below " + slice);
    }
}

cgroup::Group Sandboxes::scopeOf(const Sandbox& sandbox) {
    std::optional<cgroup::Group> scope = root_.open(sandbox.controlGroup);
    if (scope) return std::move(*scope);
    recheck(sandbox.unit);
    throw Error(ErrorCode::NoSuchSandbox, "the scope of sandbox " + quoted(label(sandbox.key)) + " is gone");
}

GroupRules Sandboxes::groupRules() const {
    limits::CompatStyle style;
    if (config_.compatWeight == "quadratic") style.weight = limits::WeightFormula::Quadratic;
    if (config_.compatReservation == "min") style.reservation = limits::ReservationFile::Min;
    if (config_.compatReservation == "low") style.reservation = limits::ReservationFile::Low;
    return GroupRules{systemdVersion_, config_.controllers, style, config_.maxDepth, config_.maxDescendants};
}

const Group& Sandboxes::createGroup(const Key& key, const GroupSpec& spec) {
    Sandbox& sandbox = running(key);
    if (sandbox.groups.contains(spec.name))
        throw Error(ErrorCode::GroupExists,
                    "sandbox " + quoted(label(key)) + " has a group " + quoted(spec.name) + " already");
    if (sandbox.groups.size() >= config_.groupsPerSandbox)
        throw Error(ErrorCode::LimitsExceeded, "sandbox " + quoted(label(key)) + " has " +
                                                   std::to_string(sandbox.groups.size()) + " groups already");
    Group group = makeGroup(scopeOf(sandbox), sandbox.controlGroup, spec, groupRules());
    for (const limits::Skip& skip : group.skipped)
        log::info("sandbox " + label(key) + ", group " + group.name + ": " + skip.key +
                  " is not in force: " + limits::reason(skip));
    const Group& added = sandbox.groups.insert_or_assign(group.name, std::move(group)).first->second;
    observer_.groupAdded(sandbox, added);
    return added;
}

void Sandboxes::removeGroup(const Key& key, const std::string& name) {
    Sandbox& sandbox = running(key);
    Group& group = groupOf(sandbox, name);
    if (name == kPayload)
        throw Error(ErrorCode::InvalidArgument, "group 'payload' lives as long as its sandbox; stop that instead");
    if (const std::optional<cgroup::Group> scope = root_.open(sandbox.controlGroup))
        scope->removeChild(directoryOf(group));
    const Group gone = std::move(group);
    sandbox.groups.erase(name);
    observer_.groupRemoved(sandbox, gone);
}

} // namespace scopewright::sandbox
