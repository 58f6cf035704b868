// SPDX-License-Identifier: LGPL-2.1-or-later
// Resources in control groups v2's own terms: one value an attribute, whether the structured field asked for it or
// unified, which wins. What the plans are made of.
#pragma once

#include "limits/block_io.h"
#include "limits/cpuset.h"
#include "limits/plan.h"
#include "limits/text.h"
#include "limits/unified.h"

#include <array>
#include <map>
#include <optional>
#include <string>

namespace scopewright::limits {

template <class T>
struct Wanted {
    std::string key; ///< who asked
    T value{};
};

struct CpuWeight {
    std::uint64_t number = 0;
    bool shares = false; ///< OCI shares, not yet a weight: the formula depends on who reads the file
};

struct IoWeight {
    std::uint64_t number = 0; ///< 0: back to the default
    bool bfq = false;         ///< on BFQ's and OCI's scale (..1000), not on io.weight's (..10000)
};

struct Wishes {
    std::map<std::string, Wanted<std::uint64_t>, std::less<>> numbers; ///< by file; infinity is "max"
    std::map<std::string, Wanted<CpuMask>, std::less<>> sets;          ///< by file
    std::optional<Wanted<CpuWeight>> cpuWeight;
    std::optional<Wanted<bool>> cpuIdle;
    std::optional<Wanted<CpuMax>> cpuMax;
    std::optional<Wanted<IoWeight>> ioWeight;
    std::map<DeviceNumber, Wanted<IoWeight>> ioWeights;
    std::array<std::map<DeviceNumber, Wanted<std::uint64_t>>, kIoLimits.size()> ioMax;
    std::map<DeviceNumber, Wanted<std::uint64_t>> ioLatency;
    std::optional<std::vector<DeviceRule>> devices;
    std::vector<FileValue> files; ///< what PID 1 knows nothing of
    std::vector<Skip> skipped;
    std::vector<std::string> overridden; ///< fields in whose place unified stands
};

/// Throws what checkTogether() throws.
Wishes resolve(const Resources& resources);

/// io.max, a line a device, for the limits that `include(device, limit, value)` lets in.
template <class Include>
std::map<DeviceNumber, Wanted<std::string>> ioMaxLines(const Wishes& wishes, Include include) {
    std::map<DeviceNumber, Wanted<std::string>> lines;
    for (std::size_t limit = 0; limit < wishes.ioMax.size(); ++limit)
        for (const auto& [device, wanted] : wishes.ioMax[limit]) {
            if (!include(device, limit, wanted.value)) continue;
            Wanted<std::string>& line = lines[device];
            if (line.key.empty()) line = {wanted.key, toText(device)};
            line.value += " " + std::string(kIoLimits[limit]) + "=" + limitText(wanted.value);
        }
    return lines;
}

/// The file's value with its controller and its rank.
FileValue fileValue(const std::string& key, const std::string& file, const std::string& value);

/// A set as cpuset.* takes it; a write of nothing at all would be none, so the empty one is a line break.
std::string cpuSetLine(const CpuMask& mask);

} // namespace scopewright::limits
