// SPDX-License-Identifier: LGPL-2.1-or-later
// A system call of a stopped process, for people.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace scopewright::integration {

/// "mkdirat payload in /sys/fs/cgroup/a.slice", "sendmsg to socket:[123]".
std::string describeCall(pid_t thread, long call, const std::uint64_t (&arguments)[6]);

} // namespace scopewright::integration
