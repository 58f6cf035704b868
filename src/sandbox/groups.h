// SPDX-License-Identifier: LGPL-2.1-or-later
// Groups below a scope: a directory whose files carry limits. PID 1 has no part in it: it never looks below a delegated
// scope, and removes what is there when the scope ends. A compat group holds no process; its files say what a
// container's would, in the way cAdvisor reads them.
#pragma once

#include "cgroup/group.h"
#include "sandbox/sandbox.h"
#include "sandbox/spec.h"
#include "state/marks.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace scopewright::sandbox {

struct GroupRules {
    unsigned systemdVersion = 0;
    std::vector<std::string> compatControllers; ///< whose values a compat group shows
    limits::CompatStyle compatStyle;
    std::uint32_t maxDepth = 0;
    std::uint32_t maxDescendants = 0;
    bool frozen = false;  ///< so is a new group that will hold processes
    bool adopted = false; ///< directories without a mark are another program's
};

/// NoSuchGroup if the sandbox has none of that name.
Group& groupOf(Sandbox& sandbox, const std::string& name);
const Group& groupOf(const Sandbox& sandbox, const std::string& name);

/// The name of its directory in the scope, which need not be the group's.
std::string directoryOf(const Group& group);

/// Makes the directory below `scope`, writes what can be written, keeps processes out of it if it is a compat group,
/// and marks it. What could not be written is in the result's `skipped`. Throws GroupExists, or whatever kept it from
/// being made; then nothing of it is left.
Group makeGroup(const cgroup::Group& scope, const std::string& scopePath, const GroupSpec& spec,
                const GroupRules& rules);

/// Takes the mark away and then the directory, with all that a payload has made in it. A group that has lost its mark
/// is none, so what is cut short here is a leftover. If it cannot be removed it is a group as before.
void dropGroup(const cgroup::Group& scope, const Group& group);

/// Clears the intent of an update that is over.
void forgetIntent(int boundary) noexcept;

/// What an earlier unit of the same name left in its directory: groups of a sandbox that is no more.
void removeRemains(const cgroup::Group& scope);

/// Directories in the scope that carry no mark and hold no process: what a daemon was making, or taking away, when it
/// died.
void removeLeftovers(const cgroup::Group& scope);

/// Those in which processes live, the payload first.
std::vector<cgroup::Group> processGroups(const cgroup::Group& scope, const Sandbox& sandbox);

/// Has them frozen, or thawed. The payload comes first, or last: by it a new daemon knows what was wanted. NotSupported
/// if the kernel cannot freeze.
void writeFreezer(const std::vector<cgroup::Group>& groups, bool frozen);

/// In the group and below it.
std::size_t countProcesses(const cgroup::Group& group);

/// What the files of a group are to hold.
std::vector<limits::FileValue> groupFiles(const Group& group, const GroupRules& rules);

/// Merges `wanted` into what the group was asked for, and puts that in force; on an error what was before still is.
/// What is cut short here, a new daemon carries out.
void updateGroup(const cgroup::Group& directory, Group& group, const limits::Resources& wanted,
                 const GroupRules& rules);

state::Mark markOf(const std::string& kind, const std::string& name, const limits::Resources& resources,
                   const std::vector<limits::Skip>& skipped);

/// Whether memory grows: then swap is written before it, else after it.
bool isGrowing(const limits::Resources& before, const limits::Resources& after);

/// The groups of a scope: those of its children that carry a mark.
std::map<std::string, Group> readGroups(const cgroup::Group& scope, const std::string& scopePath);

} // namespace scopewright::sandbox
