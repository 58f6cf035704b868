// SPDX-License-Identifier: LGPL-2.1-or-later
// Sets of CPUs and memory nodes: the kernel's lists, and the bit masks in which PID 1 takes them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace scopewright::limits {

/// CPU n is bit n mod 8 of byte n / 8; the last byte is not 0. The empty mask is the empty set.
using CpuMask = std::vector<std::uint8_t>;

/// "0-3,8", blanks tolerated. InvalidArgument names `key` and the text.
CpuMask parseCpuList(std::string_view key, std::string_view text);

/// As the kernel prints it.
std::string cpuListText(const CpuMask& mask);

} // namespace scopewright::limits
