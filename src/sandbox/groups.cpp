// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sandbox/groups.h"

#include "base/error.h"
#include "base/log.h"
#include "limits/convert.h"
#include "sandbox/apply.h"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <optional>
#include <utility>

namespace scopewright::sandbox {

namespace {

/// What the configuration leaves out is as if the group had it not.
std::vector<limits::FileValue> configured(const std::vector<limits::FileValue>& files,
                                          const std::vector<std::string>& controllers,
                                          std::vector<limits::Skip>& skipped) {
    std::vector<limits::FileValue> kept;
    for (const limits::FileValue& file : files) {
        if (std::ranges::find(controllers, file.controller) != controllers.end())
            kept.push_back(file);
        else
            addSkip(skipped, {file.key, limits::unconfiguredController(file.controller)});
    }
    return kept;
}

/// A group that passes a domain controller on to its children cannot hold processes itself: the kernel then answers
/// EBUSY to whoever tries. Any one of them will do; the threaded ones (cpu, cpuset, pids) do not have that effect.
void keepProcessesOut(const cgroup::Group& made) {
    for (const char* controller : {"+memory", "+io", "+hugetlb", "+misc", "+rdma"})
        if (made.tryWrite("cgroup.subtree_control", controller) == 0) return;
}

void mark(const cgroup::Group& directory, const Group& group) {
    const state::Mark text = markOf(group.kind, group.name, group.resources, group.skipped);
    state::setMark(directory.boundaryFile().value(), text);
}

limits::GroupPlan planOf(const Group& group, const GroupRules& rules) {
    if (group.kind == kCompat) {
        limits::GroupPlan plan = limits::planCompat(group.resources, rules.compatStyle);
        plan.files = configured(plan.files, rules.compatControllers, plan.skipped);
        return plan;
    }
    limits::Context context;
    context.systemdVersion = rules.systemdVersion;
    context.devicePrograms = true;
    context.absentDevices = absentDevices(group.resources);
    return limits::planGroup(group.resources, context);
}

/// Puts `group.resources` in force and says in `group.skipped` what is not. A `fresh` group holds nothing that could be
/// in the way.
void apply(const cgroup::Group& directory, Group& group, const GroupRules& rules, bool fresh, bool growing,
           Undo& undo) {
    const limits::GroupPlan plan = planOf(group, rules);
    group.skipped = plan.skipped;
    writeFiles(directory, plan.files, growing, fresh ? Refusal::Skip : Refusal::Throw, group.skipped, undo);
    if (group.kind != kCompat && (plan.program || !fresh)) applyDevices(directory, plan.program, group.skipped);
}

void fill(const cgroup::Group& directory, Group& group, const GroupSpec& spec, const GroupRules& rules) {
    Undo undo = Undo::unneeded();
    apply(directory, group, rules, true, true, undo);
    refuseSkipsIfStrict(spec.strict, group.skipped);
    if (group.kind == kCompat) {
        keepProcessesOut(directory);
    } else {
        directory.write("cgroup.max.depth", std::to_string(rules.maxDepth));
        directory.write("cgroup.max.descendants", std::to_string(rules.maxDescendants));
        if (rules.frozen) directory.write("cgroup.freeze", "1");
    }
    mark(directory, group);
}

void withdraw(const cgroup::Group& scope, const std::string& directory) noexcept {
    try {
        scope.removeChild(directory);
    } catch (const std::exception& error) {
        log::error(error.what());
    }
}

/// Unmarked leftovers of a daemon that died half-way are no groups: the directory is used afresh.
cgroup::Group makeDirectory(const cgroup::Group& scope, const std::string& name, bool adopted) {
    if (!scope.makeChild(name)) {
        const std::optional<cgroup::Group> present = scope.child(name);
        if (present && state::readMark(present->boundaryFile().value()))
            throw Error(ErrorCode::GroupExists, "directory " + quoted(name) + " is another group's");
        if (present && (adopted || present->populated().value_or(true)))
            throw Error(ErrorCode::GroupExists, "directory " + quoted(name) + " is another program's");
        scope.removeChild(name);
        scope.makeChild(name);
    }
    std::optional<cgroup::Group> made;
    try {
        made = scope.child(name);
    } catch (...) {
        withdraw(scope, name);
        throw;
    }
    if (!made) throw Error(ErrorCode::NoSuchSandbox, "the scope ended while group " + quoted(name) + " was made");
    return std::move(*made);
}

} // namespace

state::Mark markOf(const std::string& kind, const std::string& name, const limits::Resources& resources,
                   const std::vector<limits::Skip>& skipped) {
    state::Mark mark{kind, name, limits::toText(resources), {}};
    for (const limits::Skip& one : skipped)
        mark.skipped.emplace_back(one.key, one.cause);
    return mark;
}

const Group& groupOf(const Sandbox& sandbox, const std::string& name) {
    const auto found = sandbox.groups.find(name);
    if (found == sandbox.groups.end())
        throw Error(ErrorCode::NoSuchGroup, "sandbox " + quoted(label(sandbox.key)) + " has no group " + quoted(name));
    return found->second;
}

Group& groupOf(Sandbox& sandbox, const std::string& name) {
    groupOf(std::as_const(sandbox), name);
    return sandbox.groups.find(name)->second;
}

std::string directoryOf(const Group& group) {
    return group.controlGroup.substr(group.controlGroup.rfind('/') + 1);
}

Group makeGroup(const cgroup::Group& scope, const std::string& scopePath, const GroupSpec& spec,
                const GroupRules& rules) {
    const cgroup::Group directory = makeDirectory(scope, spec.directory, rules.adopted);
    try {
        Group group{spec.name, spec.kind, scopePath + "/" + spec.directory, spec.resources, {}};
        fill(directory, group, spec, rules);
        return group;
    } catch (...) {
        withdraw(scope, spec.directory);
        throw;
    }
}

void dropGroup(const cgroup::Group& scope, const Group& group) {
    const std::string name = directoryOf(group);
    const std::optional<cgroup::Group> directory = scope.child(name);
    if (!directory) return;
    state::removeMark(directory->boundaryFile().value());
    try {
        scope.removeChild(name);
    } catch (...) {
        mark(*directory, group);
        throw;
    }
}

void forgetIntent(int boundary) noexcept {
    try {
        state::clearIntent(boundary);
    } catch (const std::exception& error) {
        // It says what has been done already, so the next daemon does nothing by it.
        log::warning(error.what());
    }
}

void removeRemains(const cgroup::Group& scope) {
    if (!scope.hasChildren()) return;
    for (const std::string& name : scope.children()) {
        const std::optional<cgroup::Group> group = scope.child(name);
        if (!group) continue;
        state::removeMark(group->boundaryFile().value());
        if (name != kPayload && !group->populated().value_or(true)) withdraw(scope, name);
    }
}

void removeLeftovers(const cgroup::Group& scope) {
    for (const std::string& name : scope.children()) {
        const std::optional<cgroup::Group> group = scope.child(name);
        if (!group || state::isMarked(group->boundaryFile().value()) || group->populated().value_or(true)) continue;
        log::info("directory " + quoted(name) + " is of no group and is removed");
        withdraw(scope, name);
    }
}

std::vector<cgroup::Group> processGroups(const cgroup::Group& scope, const Sandbox& sandbox) {
    std::vector<cgroup::Group> groups;
    for (const auto& [name, group] : sandbox.groups) {
        std::optional<cgroup::Group> directory =
            group.holdsProcesses() ? scope.child(directoryOf(group)) : std::nullopt;
        if (directory) groups.insert(name == kPayload ? groups.begin() : groups.end(), std::move(*directory));
    }
    return groups;
}

void writeFreezer(const std::vector<cgroup::Group>& groups, bool frozen) {
    for (std::size_t i = 0; i < groups.size(); ++i) {
        const cgroup::Group& group = groups[frozen ? i : groups.size() - 1 - i];
        const int error = group.tryWrite("cgroup.freeze", frozen ? "1" : "0");
        // ENODEV is a group that is gone.
        if (error == 0 || error == ENODEV || (!frozen && error == ENOENT)) continue;
        if (error == ENOENT) throw Error(ErrorCode::NotSupported, "this kernel cannot freeze control groups");
        throw errnoError(frozen ? "freeze a group" : "thaw a group", error);
    }
}

std::size_t countProcesses(const cgroup::Group& group) {
    std::size_t count = 0;
    group.visit([&](const cgroup::Group& one) {
        // A threaded group has no list of processes; they are its parent's.
        try {
            count += one.processes().size();
        } catch (const Error&) {}
    });
    return count;
}

std::vector<limits::FileValue> groupFiles(const Group& group, const GroupRules& rules) {
    return planOf(group, rules).files;
}

void updateGroup(const cgroup::Group& directory, Group& group, const limits::Resources& wanted,
                 const GroupRules& rules) {
    Group updated = group;
    updated.resources = limits::merge(group.resources, wanted);
    limits::checkTogether(updated.resources);
    const UniqueFd boundary = directory.boundaryFile();
    state::setIntent(boundary.value(), limits::toText(updated.resources));
    Undo undo;
    try {
        apply(directory, updated, rules, false, isGrowing(group.resources, updated.resources), undo);
        mark(directory, updated);
    } catch (...) {
        undo.run();
        std::vector<limits::Skip> unused;
        if (group.kind != kCompat) applyDevices(directory, planOf(group, rules).program, unused);
        forgetIntent(boundary.value());
        throw;
    }
    forgetIntent(boundary.value());
    group = std::move(updated);
}

bool isGrowing(const limits::Resources& before, const limits::Resources& after) {
    return limits::unlimitedIfNegative(after.memoryLimit.value_or(-1)) >=
           limits::unlimitedIfNegative(before.memoryLimit.value_or(-1));
}

std::map<std::string, Group> readGroups(const cgroup::Group& scope, const std::string& scopePath) {
    std::map<std::string, Group> groups;
    for (const std::string& name : scope.children()) {
        const std::optional<cgroup::Group> directory = scope.child(name);
        const std::optional<state::Mark> mark =
            directory ? state::readMark(directory->boundaryFile().value()) : std::nullopt;
        if (!mark) continue;
        const std::optional<limits::Resources> resources = limits::fromText(mark->resources);
        if (!resources) log::warning("group " + quoted(name) + " in " + scopePath + ": its resources cannot be read");
        Group group{mark->name, mark->kind, scopePath + "/" + name, resources.value_or(limits::Resources()), {}};
        for (const auto& [key, cause] : mark->skipped)
            group.skipped.push_back(limits::Skip{key, cause});
        groups.emplace(group.name, std::move(group));
    }
    return groups;
}

} // namespace scopewright::sandbox
