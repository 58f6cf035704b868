// SPDX-License-Identifier: LGPL-2.1-or-later
// The JSON object `linux.resources` of OCI runtime-spec 1.3, as runtimes write it.
#pragma once

#include "limits/resources.h"

#include <cstddef>
#include <string_view>

namespace scopewright::limits {

inline constexpr std::size_t kLongestJson = 64 * 1024;
inline constexpr int kDeepestJson = 8;

/// Throws InvalidArgument that names the member: for what the specification has not, for a wrong type, for a number
/// that is no integer of 64 bits, for a value that set() would refuse; LimitsExceeded beyond the limits above. Where
/// Go's zero values stand for what nobody set (memory.limit 0, cpu.cpus "", an empty list, null), the field stays
/// unset; cpu.quota 0 beside a cpu.period is no limit, as runtimes have it.
Resources fromOciJson(std::string_view text);

} // namespace scopewright::limits
