// SPDX-License-Identifier: LGPL-2.1-or-later
// Device rules, one a line ("allow c 1:3|rwm"), against an oracle that walks the list for each access.
#include "cgroup/device_filter.h"
#include "fuzz.h"
#include "limits/devices.h"
#include "limits/text.h"

#include <linux/bpf.h>

#include <algorithm>
#include <set>

namespace scopewright::fuzz {

namespace {

using Rules = std::vector<limits::DeviceRule>;

struct Probe {
    char type;
    std::uint32_t major;
    std::uint32_t minor;
    unsigned bit;
};

bool speaksOf(const limits::DeviceRule& rule, const Probe& probe) {
    if ((limits::accessBits(rule.access) & probe.bit) == 0) return false;
    if (rule.type == 'a') return true;
    return rule.type == probe.type && (!rule.major || *rule.major == probe.major) &&
           (!rule.minor || *rule.minor == probe.minor);
}

/// The last rule that names the device and the access decides; without rules there is no limit.
bool isAllowed(const Rules& rules, const Probe& probe) {
    bool allowed = rules.empty();
    for (const limits::DeviceRule& rule : rules)
        if (speaksOf(rule, probe)) allowed = rule.allow;
    return allowed;
}

bool isAllowed(const limits::DeviceFilter& filter, const Probe& probe) {
    bool excepted = false;
    for (const auto& [set, bits] : filter.exceptions)
        excepted = excepted || (set.type == probe.type && (!set.major || *set.major == probe.major) &&
                                (!set.minor || *set.minor == probe.minor) && (bits & probe.bit) != 0);
    return filter.allowByDefault != excepted;
}

/// As PID 1 reads a list: "/dev/char/1:3", "char-1", "char-*".
bool isAllowed(const limits::DeviceProperties& properties, const Probe& probe) {
    if (properties.policy == "auto" && properties.allow.empty()) return true;
    const std::string kind = probe.type == 'b' ? "block" : "char";
    const std::string major = std::to_string(probe.major);
    const std::set<std::string> names{kind + "-*", kind + "-" + major,
                                      "/dev/" + kind + "/" + major + ":" + std::to_string(probe.minor)};
    return std::ranges::any_of(properties.allow, [&](const auto& entry) {
        return names.contains(entry.first) && (limits::accessBits(entry.second) & probe.bit) != 0;
    });
}

/// Every number that a rule has, and one that none has.
std::vector<Probe> probesOf(const Rules& rules) {
    constexpr std::size_t kMost = 12;
    std::set<std::uint32_t> majors{4095};
    std::set<std::uint32_t> minors{1048575};
    for (const limits::DeviceRule& rule : rules) {
        if (rule.major && majors.size() < kMost) majors.insert(*rule.major);
        if (rule.minor && minors.size() < kMost) minors.insert(*rule.minor);
    }
    std::vector<Probe> probes;
    for (char type : {'b', 'c'})
        for (std::uint32_t major : majors)
            for (std::uint32_t minor : minors)
                for (unsigned bit : {limits::kRead, limits::kWrite, limits::kMknod})
                    probes.push_back({type, major, minor, bit});
    return probes;
}

void checkFilter(const Rules& rules, std::string_view input) {
    const limits::DeviceFilter filter = limits::emulate(rules);
    const limits::DeviceProperties old = limits::toDeviceProperties(filter, 247);
    const limits::DeviceProperties young = limits::toDeviceProperties(filter, 262);
    for (const Probe& probe : probesOf(rules)) {
        const bool wanted = isAllowed(rules, probe);
        if (filter.hole.empty()) expect(isAllowed(filter, probe) == wanted, "a filter that says otherwise", input);
        for (const limits::DeviceProperties* properties : {&old, &young}) {
            const bool told = isAllowed(*properties, probe);
            expect(told || !wanted, "PID 1 is told to deny what is allowed", input);
            expect(told == wanted || !properties->exact, "PID 1 is told of something else", input);
        }
    }
}

void checkProgram(const Rules& rules) {
    std::vector<cgroup::DeviceRule> filter;
    for (const limits::DeviceRule& rule : rules)
        filter.push_back({rule.allow, rule.type, rule.major, rule.minor, limits::accessBits(rule.access)});
    accepts([&] {
        const std::vector<bpf_insn> code = cgroup::assembleDeviceFilter(filter);
        expect(!code.empty() && code.back().code == (BPF_JMP | BPF_EXIT), "a program without an end", "");
    });
}

void run(std::string_view input) {
    Rules rules;
    for (std::string_view line : lines(input)) {
        const std::size_t bar = line.find('|');
        const std::string_view access = bar == std::string_view::npos ? "" : line.substr(bar + 1);
        limits::DeviceRule rule;
        if (!accepts([&] { rule = limits::parseDeviceRule(line.substr(0, bar), access); })) continue;
        const std::string printed = limits::toText(rule);
        expect(limits::parseDeviceRule(printed, rule.access) == rule, "a rule that does not stay", printed);
        expect(isVisible(printed) && isOf(rule.access, "rwm") && !rule.access.empty(), "a rule", printed);
        rules.push_back(rule);
    }
    checkFilter(rules, input);
    checkProgram(rules);
}

const Registration kTarget("devices", run);

} // namespace

} // namespace scopewright::fuzz
