// SPDX-License-Identifier: LGPL-2.1-or-later
#include "limits/cpuset.h"

#include "limits/text.h"

#include <algorithm>

namespace scopewright::limits {

namespace {

/// The most that Linux can be configured for.
constexpr std::uint64_t kMostCpus = 8192;

bool has(const CpuMask& mask, std::size_t cpu) {
    return cpu / 8 < mask.size() && (mask[cpu / 8] >> (cpu % 8) & 1) != 0;
}

void add(CpuMask& mask, std::size_t cpu) {
    if (mask.size() <= cpu / 8) mask.resize(cpu / 8 + 1);
    mask[cpu / 8] = static_cast<std::uint8_t>(mask[cpu / 8] | 1U << (cpu % 8));
}

} // namespace

CpuMask parseCpuList(std::string_view key, std::string_view text) {
    std::string list(text);
    std::erase(list, ' ');
    CpuMask mask;
    if (list.empty()) return mask;
    for (std::string_view item : split(list, ',')) {
        const std::size_t dash = item.find('-');
        const std::optional<std::uint64_t> first = parseNumber(item.substr(0, dash));
        const std::optional<std::uint64_t> last =
            dash == std::string_view::npos ? first : parseNumber(item.substr(dash + 1));
        if (!first || !last) refuse(key, text, "is no list such as 0-3,8");
        if (*first > *last) refuse(key, text, "has a range that runs backwards");
        if (*last >= kMostCpus) refuse(key, text, "goes beyond " + std::to_string(kMostCpus - 1));
        for (std::uint64_t cpu = *first; cpu <= *last; ++cpu)
            add(mask, cpu);
    }
    return mask;
}

std::string cpuListText(const CpuMask& mask) {
    std::string text;
    for (std::size_t cpu = 0; cpu < mask.size() * 8; ++cpu) {
        if (!has(mask, cpu)) continue;
        const std::size_t first = cpu;
        while (has(mask, cpu + 1))
            ++cpu;
        text += (text.empty() ? "" : ",") + std::to_string(first) + (cpu > first ? "-" + std::to_string(cpu) : "");
    }
    return text;
}

} // namespace scopewright::limits
