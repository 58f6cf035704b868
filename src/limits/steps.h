// SPDX-License-Identifier: LGPL-2.1-or-later
// The plan for a scope as a list of decisions, each with the resource that asked: what planScope() sorts and explain()
// shows.
#pragma once

#include "limits/plan.h"

#include <string>
#include <vector>

namespace scopewright::limits {

struct Step {
    enum class Kind { Property, LeafFile, ScopeFile, Echo, Program, Skipped, Overridden };

    Kind kind = Kind::Skipped;
    std::string key;
    Property property;
    FileValue file;
    std::string cause;             ///< when Skipped
    std::vector<DeviceRule> rules; ///< when Program
};

std::vector<Step> planSteps(const Resources& resources, const Context& context);

} // namespace scopewright::limits
