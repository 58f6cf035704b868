// SPDX-License-Identifier: LGPL-2.1-or-later
// Names on the bus, and which object path stands for which sandbox or group.
#pragma once

#include "sandbox/names.h"

#include <optional>
#include <string>

namespace scopewright::api {

inline constexpr const char* kBusName = "org.scopewright1";
inline constexpr const char* kManagerPath = "/org/scopewright1";
inline constexpr const char* kSandboxPrefix = "/org/scopewright1/sandbox";
inline constexpr const char* kManagerInterface = "org.scopewright1.Manager";
inline constexpr const char* kSandboxInterface = "org.scopewright1.Sandbox";
inline constexpr const char* kGroupInterface = "org.scopewright1.Group";

std::string sandboxPath(const sandbox::Key& key);
std::string groupPath(const sandbox::Key& key, const std::string& group);

struct GroupAddress {
    sandbox::Key key;
    std::string group;
};

/// Nothing for a path that is not of the form.
std::optional<sandbox::Key> parseSandboxPath(const char* path);
std::optional<GroupAddress> parseGroupPath(const char* path);

} // namespace scopewright::api
