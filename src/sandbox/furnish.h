// SPDX-License-Identifier: LGPL-2.1-or-later
// What makes a scope a sandbox: a payload that holds its processes, the files that carry its limits, and the mark that
// says so. And how processes are led out of a scope again.
#pragma once

#include "cgroup/group.h"
#include "limits/plan.h"
#include "sandbox/apply.h"
#include "sandbox/process.h"
#include "sandbox/registry.h"
#include "state/record.h"

#include <string>
#include <vector>

namespace scopewright::sandbox {

struct Furnishing {
    const state::Record& record;
    const limits::Resources& resources;
    const limits::ScopePlan& plan; ///< PID 1 knows its properties already
    bool strict = false;           ///< what is not in force is an error
};

/// Can be repeated, from wherever an earlier daemon left it. Returns what is not in force. `undo` gets what
/// the files held before.
std::vector<limits::Skip> furnish(const Host& host, const cgroup::Group& scope, const std::string& controlGroup,
                                  const Furnishing& furnishing, Undo& undo);

/// Moves every process of `from` itself to `to`, while they fork.
void moveAll(const cgroup::Group& from, const cgroup::Group& to);

/// Leads every process of `group` out of it, each to where it came from, children to where the first one came from.
/// False if one could not be.
bool leadOut(const cgroup::Group& group, const Processes& processes);

} // namespace scopewright::sandbox
