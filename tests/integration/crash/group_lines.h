// SPDX-License-Identifier: LGPL-2.1-or-later
// A part of the cgroup tree, as lines that can be compared.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace scopewright::integration {

/// Of each group below `directory`: whose it is, what marks it carries, what device programs, whether a process lives
/// in it that is not one of `known`, and what its files say that can be written. Slices are PID 1's, to make and to
/// remove as it likes.
std::map<std::string, std::string> groupLines(const std::string& directory, const std::vector<pid_t>& known);

} // namespace scopewright::integration
