// SPDX-License-Identifier: LGPL-2.1-or-later
// What the daemon answers, as values.
#pragma once

#include "client.h"

#include <cstdint>
#include <string>
#include <vector>

namespace scopewright::integration {

/// What CreateSandbox answers.
struct Created {
    std::string object;
    std::string unit;
    std::string controlGroup;

    std::string payload() const { return controlGroup + "/payload"; }
    bool operator==(const Created&) const = default;
};

Created createdBy(const Answer& answer);

/// What ListSandboxes and ListGroups answer.
struct SandboxLine {
    std::string id;
    std::string unit;
    std::uint32_t uid = 0;
    std::string object;
    bool operator==(const SandboxLine&) const = default;
};
struct GroupLine {
    std::string name;
    std::string kind;
    std::string controlGroup;
    bool operator==(const GroupLine&) const = default;
};
std::vector<SandboxLine> sandboxesIn(const Answer& answer);
std::vector<GroupLine> groupsIn(const Answer& answer);

/// A path of which the last component stands for a name.
std::string encoded(const std::string& prefix, const std::string& name);
std::string sandboxPath(const std::string& id);
std::string groupPath(const std::string& id, const std::string& name);

} // namespace scopewright::integration
