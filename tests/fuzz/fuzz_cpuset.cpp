// SPDX-License-Identifier: LGPL-2.1-or-later
// Lists of CPUs and memory nodes, against a set that is kept the slow way.
#include "fuzz.h"

#include "limits/cpuset.h"
#include "limits/text.h"
#include "limits/wishes.h"

#include <set>

namespace scopewright::fuzz {

namespace {

std::set<std::size_t> membersOf(const limits::CpuMask& mask) {
    std::set<std::size_t> members;
    for (std::size_t cpu = 0; cpu < mask.size() * 8; ++cpu)
        if ((mask[cpu / 8] >> (cpu % 8) & 1) != 0) members.insert(cpu);
    return members;
}

/// What a list in the kernel's own words says, for lists that were accepted.
std::set<std::size_t> membersOf(std::string_view text) {
    std::set<std::size_t> members;
    if (text.empty()) return members;
    for (std::string_view item : limits::split(text, ',')) {
        const std::vector<std::string_view> ends = limits::split(item, '-');
        const std::size_t first = limits::parseNumber(ends.front()).value();
        for (std::size_t cpu = first; cpu <= limits::parseNumber(ends.back()).value(); ++cpu)
            members.insert(cpu);
    }
    return members;
}

/// As the kernel prints a set: the longest ranges, in order.
std::string listOf(const std::set<std::size_t>& members) {
    std::string text;
    for (auto at = members.begin(); at != members.end(); ++at) {
        const std::size_t first = *at;
        while (members.contains(*at + 1))
            ++at;
        text += (text.empty() ? "" : ",") + std::to_string(first) + (*at > first ? "-" + std::to_string(*at) : "");
    }
    return text;
}

void run(std::string_view input) {
    limits::CpuMask mask;
    if (!accepts([&] { mask = limits::parseCpuList("cpu.cpus", input); })) return;
    expect(isOf(input, "0123456789-, "), "a list", input);
    expect(mask.empty() || mask.back() != 0, "a mask with nothing at its end", input);
    std::string without(input);
    std::erase(without, ' ');
    expect(membersOf(mask) == membersOf(std::string_view(without)), "another set", input);
    const std::string printed = limits::cpuListText(mask);
    expect(limits::parseCpuList("cpu.cpus", printed) == mask, "a set that does not stay", printed);
    expect(printed == listOf(membersOf(mask)), "a set that the kernel would print in another way", printed);
    expect(!limits::cpuSetLine(mask).empty(), "a write of nothing", input);
}

const Registration kTarget("cpuset", run);

} // namespace

} // namespace scopewright::fuzz
