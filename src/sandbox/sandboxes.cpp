// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sandbox/sandboxes.h"

#include "base/error.h"
#include "base/log.h"
#include "cgroup/path.h"
#include "sandbox/policy.h"
#include "sandbox/wait.h"

#include <algorithm>
#include <exception>
#include <utility>

namespace scopewright::sandbox {

namespace {

/// A process that has just exited can keep its group for a moment.
constexpr std::chrono::seconds kPatienceWithExits{1};
constexpr int kMostAttempts = 3;
constexpr std::chrono::milliseconds kBetweenAttempts{10};

void reportStray(std::exception_ptr error) noexcept {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& failure) {
        log::error(std::string("a background operation failed: ") + failure.what());
    }
}

constexpr const char* kBusy = "systemd is busy with other starts and stops";

/// How many of PID 1's jobs at a time, says the configuration in force.
auto jobsOf(const config::Config& config) {
    return [&config](uid_t user) {
        return bus::Turns::Room{config.jobs, isAdministrator(user) ? config.jobs : config.jobsPerUser};
    };
}

} // namespace

Sandboxes::Sandboxes(const Host& host, Observer& observer)
    : host_{host.event,           host.systemd,      host.systemdVersion, host.systemdFlaw, host.root.duplicate(),
            host.top.duplicate(), host.systemdGroup, host.config},
      registry_(host_, observer, recovery_),
      enforcer_(host_, registry_),
      recovery_(host_, registry_, enforcer_, background_),
      starts_(host_.event, jobsOf(host_.config), kBusy),
      stops_(host_.event, jobsOf(host_.config), kBusy),
      departures_(host_.event),
      background_(reportStray),
      watching_(reportStray) {}

async::Task<void> Sandboxes::recover() {
    watching_.spawn(enforcer_.watchFiles());
    co_await recovery_.run();
}

void Sandboxes::admitAnother(const SandboxSpec& spec) const {
    const bool forUser = !isAdministrator(spec.key.uid) || !isAdministrator(spec.record.user.value_or(ownUid()));
    if (host_.systemdFlaw && host_.config.refuseVulnerableSystemd && forUser)
        throw Error(ErrorCode::NotSupported,
                    "users get no sandbox of this systemd, which has " + std::string(*host_.systemdFlaw) +
                        "; update it, or turn refuse-vulnerable-systemd in scopewright.toml off");
    if (registry_.all().size() >= host_.config.sandboxes)
        throw Error(ErrorCode::LimitsExceeded,
                    "there are " + std::to_string(registry_.all().size()) + " sandboxes already");
    const std::size_t ours = registry_.usage(spec.key.uid).sandboxes;
    if (!isAdministrator(spec.key.uid) && ours >= host_.config.sandboxesPerUser)
        throw Error(ErrorCode::LimitsExceeded,
                    "uid " + std::to_string(spec.key.uid) + " has " + std::to_string(ours) + " sandboxes already");
    if (const Sandbox* taken = registry_.ofUnit(spec.unit))
        throw Error(ErrorCode::UnitNameTaken,
                    "unit " + quoted(spec.unit) + " is " +
                        (mayManage(spec.key.uid, taken->key.uid) ? "sandbox " + quoted(label(taken->key))
                                                                 : std::string("another sandbox")));
}

void Sandboxes::admitProcess(Process& process, uid_t uid, const Key* target) const {
    process.checkMovableBy(uid);
    process.rememberSource(host_.root);
    const std::string& source = process.sourceControlGroup();
    if (const Sandbox* other = registry_.containing(source)) {
        if (target && other->key.uid == target->uid) return;
        throw Error(ErrorCode::ForeignUnit, "process " + std::to_string(process.pid()) + " lives in " +
                                                (mayManage(uid, other->key.uid) ? "sandbox " + quoted(label(other->key))
                                                                                : std::string("another sandbox")));
    }
    const std::string slice = "/user.slice/user-" + std::to_string(uid) + ".slice";
    if (uid != 0 && !cgroup::contains(slice, source))
        throw Error(ErrorCode::ForeignUnit, "process " + std::to_string(process.pid()) + " lives in " + quoted(source) +
                                                ", which is not below " + slice);
}

void Sandboxes::admit(SandboxSpec& spec) {
    if (spec.missing) std::rethrow_exception(spec.missing);
    admitAnother(spec);
    for (Process& process : spec.processes)
        admitProcess(process, spec.key.uid, nullptr);
    admitNewGroup(spec.key.uid);
}

void Sandboxes::admitNewGroup(uid_t uid) {
    if (isAdministrator(uid)) return;
    const std::chrono::milliseconds wait = newGroups_.take(
        uid, host_.config.newGroupsPerSecond, host_.config.newGroupsAtOnce, std::chrono::steady_clock::now());
    if (wait.count() > 0)
        throw Error(ErrorCode::LimitsExceeded, "uid " + std::to_string(uid) +
                                                   " makes groups too often; come again in " +
                                                   std::to_string(wait.count()) + " ms");
}

void Sandboxes::settleIn(const SandboxSpec& spec, const std::string& controlGroup, std::vector<limits::Skip> skipped) {
    Sandbox* reserved = registry_.find(spec.key);
    if (!reserved || reserved->unit != spec.unit || reserved->announced)
        throw Error(ErrorCode::Failed, "sandbox " + quoted(label(spec.key)) + " lost its reservation");
    Sandbox& sandbox = *reserved;
    registry_.place(sandbox, controlGroup);
    sandbox.slice = sliceOf(controlGroup);
    sandbox.skipped = std::move(skipped);
    Group payload{kPayload, kPayload, controlGroup + "/" + kPayload, sandbox.resources, sandbox.skipped};
    registry_.addGroup(sandbox, std::move(payload));
}

const Group& Sandboxes::createGroup(const Key& key, const GroupSpec& spec, uid_t caller) {
    Sandbox& sandbox = registry_.ready(key);
    if (sandbox.groups.contains(spec.name))
        throw Error(ErrorCode::GroupExists,
                    "sandbox " + quoted(label(key)) + " has a group " + quoted(spec.name) + " already");
    if (sandbox.groups.size() >= host_.config.groupsPerSandbox)
        throw Error(ErrorCode::LimitsExceeded, "sandbox " + quoted(label(key)) + " has " +
                                                   std::to_string(sandbox.groups.size()) + " groups already");
    const std::size_t groups = registry_.usage(key.uid).groups;
    if (!isAdministrator(key.uid) && groups >= host_.config.groupsPerUser)
        throw Error(ErrorCode::LimitsExceeded,
                    "uid " + std::to_string(key.uid) + " has " + std::to_string(groups) + " groups already");
    admitNewGroup(caller);
    GroupRules rules = enforcer_.groupRules();
    rules.frozen = sandbox.state == State::Frozen;
    rules.adopted = sandbox.record.adopted;
    Group group = makeGroup(registry_.scopeOf(sandbox), sandbox.controlGroup, spec, rules);
    for (const limits::Skip& skip : group.skipped)
        log::info("sandbox " + label(key) + ", group " + group.name + ": " + skip.key +
                  " is not in force: " + limits::reason(skip));
    const Group& added = registry_.addGroup(sandbox, std::move(group));
    registry_.observer().groupAdded(sandbox, added);
    return added;
}

async::Task<void> Sandboxes::removeGroup(Key key, std::string name) {
    if (name == kPayload)
        throw Error(ErrorCode::InvalidArgument, "group 'payload' lives as long as its sandbox; stop that instead");
    const Sandbox& asked = registry_.ready(key);
    const std::uint64_t serial = asked.serial;
    const cgroup::Group scope = registry_.scopeOf(asked);
    const std::optional<cgroup::Group> group = scope.child(directoryOf(groupOf(asked, name)));
    bool empty = true;
    if (group) empty = co_await emptied(host_.event, *group, kPatienceWithExits);
    if (!empty)
        throw Error(ErrorCode::Busy, "group " + quoted(name) + " of sandbox " + quoted(label(key)) +
                                         " still holds processes: " + std::to_string(countProcesses(*group)));
    // What has just exited can be in the way for a moment longer than the kernel says.
    for (int attempt = 1;; ++attempt) {
        // Another request for the same may have been faster, and so may the end of the sandbox.
        Sandbox* sandbox = registry_.find(key, serial);
        if (!sandbox || !sandbox->groups.contains(name)) co_return;
        try {
            dropGroup(scope, sandbox->groups.at(name));
            const Group gone = registry_.removeGroup(*sandbox, name);
            registry_.observer().groupRemoved(*sandbox, gone);
            remains_.look(host_.top, host_.config.warnOfRemains);
            co_return;
        } catch (const Error& error) {
            if (error.code() != ErrorCode::Busy || attempt == kMostAttempts) throw;
        }
        co_await bus::sleepFor(host_.event, kBetweenAttempts);
    }
}

std::uint64_t Sandboxes::remainsOf(const Sandbox& sandbox) const {
    const std::optional<cgroup::Group> scope =
        sandbox.controlGroup.empty() ? std::nullopt : host_.root.open(sandbox.controlGroup);
    return scope ? remainsBelow(*scope) : 0;
}

UniqueFd Sandboxes::openDirectory(const Key& key, const std::string& name) const {
    const Sandbox& sandbox = registry_.at(key);
    return registry_.directoryOf(sandbox, groupOf(sandbox, name)).place();
}

} // namespace scopewright::sandbox
