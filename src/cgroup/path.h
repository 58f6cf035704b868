// SPDX-License-Identifier: LGPL-2.1-or-later
// Names and paths in the cgroup tree that cannot escape from it or collide with the kernel's own files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace scopewright::cgroup {

/// The longest name of a group's directory: well below the kernel's 255.
inline constexpr std::size_t kLongestName = 128;

/// Throws InvalidArgument unless `name` can be the directory of a group: [a-z0-9][a-z0-9_.:-]*, at most kLongestName
/// bytes, and nothing that a present or future controller could want for a file: "cgroup.…", "<word>.…". A name that
/// ends like a unit (.scope, .service, .slice) is safe from that and is what orchestrators use.
void checkGroupName(std::string_view name);

/// The components of a control group as PID 1 names it ("/a.slice/b.scope"); throws Io if there are none or one of them
/// could lead elsewhere.
std::vector<std::string> components(std::string_view controlGroup);

/// True if `path` is `ancestor` or lies below it.
bool contains(std::string_view ancestor, std::string_view path);

} // namespace scopewright::cgroup
