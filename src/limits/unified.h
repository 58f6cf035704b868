// SPDX-License-Identifier: LGPL-2.1-or-later
// OCI's `unified`: files of cgroup v2 by name. Every value is read by the parser of its file and printed anew, so that
// what goes on is ours.
#pragma once

#include "limits/resources.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace scopewright::limits {

/// PropertyNotAllowed for cgroup.*, which is how the tree is run; InvalidArgument for what is no file's name.
void checkUnifiedKey(std::string_view key);

/// The value as we print it: one number, word or list, or, for files that take them, several lines. InvalidArgument
/// names the key and the value.
std::string unifiedValue(std::string_view key, std::string_view value);

/// The controller of a file: "memory" of "memory.swap.max".
std::string controllerOf(std::string_view file);

/// Bytes with the suffixes that the kernel takes ("1G"); "max" is infinity.
std::uint64_t parseSize(std::string_view key, std::string_view text);

struct CpuMax {
    std::int64_t quota = -1; ///< -1 unlimited
    std::int64_t period = 0;
};
CpuMax parseCpuMax(std::string_view text);

/// io.weight and io.bfq.weight: "default 100" (no device) and "8:0 200".
struct WeightLine {
    std::optional<DeviceNumber> device;
    std::uint64_t weight = 0; ///< 0: back to the default
};
std::vector<WeightLine> parseWeights(std::string_view key, std::string_view text);

/// In the order of io.max's own words, and of the arrays that are indexed by it.
enum IoLimit : std::size_t { ReadBps, WriteBps, ReadIops, WriteIops };
inline constexpr std::array<std::string_view, 4> kIoLimits{"rbps", "wbps", "riops", "wiops"};
constexpr bool isOperations(std::size_t limit) {
    return limit == ReadIops || limit == WriteIops;
}

struct IoMaxLine {
    DeviceNumber device;
    std::array<std::optional<std::uint64_t>, kIoLimits.size()> limits; ///< infinity is "max"
};
std::vector<IoMaxLine> parseIoMax(std::string_view text);

struct IoLatencyLine {
    DeviceNumber device;
    std::uint64_t target = 0; ///< µs
};
std::vector<IoLatencyLine> parseIoLatency(std::string_view text);

/// The devices with which the lines of one of those files begin.
std::vector<DeviceNumber> devicesIn(std::string_view key, std::string_view text);

} // namespace scopewright::limits
