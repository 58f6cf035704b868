// SPDX-License-Identifier: LGPL-2.1-or-later
#include "limits/devices.h"

#include "limits/block_io.h"
#include "limits/properties.h"
#include "limits/text.h"

#include <algorithm>
#include <array>

namespace scopewright::limits {

namespace {

constexpr const char* kKey = "devices";
constexpr const char* kSyntax = "is no rule such as 'allow c 1:3', 'deny b 8:*' or 'deny a'";

std::optional<std::uint32_t> parseHalf(std::string_view rule, std::string_view half) {
    if (half == "*") return std::nullopt;
    const std::optional<std::uint64_t> number = parseNumber(half);
    if (!number || *number > UINT32_MAX) refuse(kKey, rule, kSyntax);
    return static_cast<std::uint32_t>(*number);
}

std::string halfText(const std::optional<std::uint32_t>& number) {
    return number ? std::to_string(*number) : "*";
}

bool covers(const DeviceSet& wide, const DeviceSet& narrow) {
    return wide.type == narrow.type && (!wide.major || wide.major == narrow.major) &&
           (!wide.minor || wide.minor == narrow.minor);
}

bool meets(const DeviceSet& a, const DeviceSet& b) {
    return a.type == b.type && (!a.major || !b.major || a.major == b.major) &&
           (!a.minor || !b.minor || a.minor == b.minor);
}

void takeAway(DeviceFilter& filter, const DeviceRule& rule, const DeviceSet& set, unsigned bits) {
    for (auto entry = filter.exceptions.begin(); entry != filter.exceptions.end();) {
        if (meets(entry->first, set) && !covers(set, entry->first) && (entry->second & bits) != 0)
            filter.hole = toText(rule) + " " + rule.access;
        if (covers(set, entry->first)) entry->second &= ~bits;
        entry = entry->second == 0 ? filter.exceptions.erase(entry) : std::next(entry);
    }
}

/// The path under which PID 1 takes a set; nothing if it has no word for it.
std::optional<std::string> pathOf(const DeviceSet& set, unsigned systemdVersion) {
    const std::string kind = set.type == 'b' ? "block" : "char";
    if (set.major && set.minor) return "/dev/" + kind + "/" + halfText(set.major) + ":" + halfText(set.minor);
    if (set.minor) return std::nullopt;
    if (!set.major) return kind + "-*";
    // Older ones want the driver's name from /proc/devices in the place of the number.
    if (!available(kDeviceNumbers, systemdVersion)) return std::nullopt;
    return kind + "-" + halfText(set.major);
}

/// PID 1 keeps one entry a path, and the last one said.
void widen(std::vector<std::pair<std::string, std::string>>& allow, const std::string& path, unsigned bits) {
    if (bits == 0) return;
    const auto entry = std::ranges::find(allow, path, &std::pair<std::string, std::string>::first);
    if (entry == allow.end())
        allow.emplace_back(path, accessText(bits));
    else
        entry->second = accessText(accessBits(entry->second) | bits);
}

} // namespace

unsigned accessBits(std::string_view access) {
    unsigned bits = 0;
    for (char c : access)
        bits |= c == 'r' ? kRead : c == 'w' ? kWrite : c == 'm' ? kMknod : 0;
    return bits;
}

std::string accessText(unsigned bits) {
    std::string text;
    if ((bits & kRead) != 0) text += 'r';
    if ((bits & kWrite) != 0) text += 'w';
    if ((bits & kMknod) != 0) text += 'm';
    return text;
}

DeviceRule parseDeviceRule(std::string_view rule, std::string_view access) {
    const std::vector<std::string_view> parts = words(rule);
    if (parts.size() < 2 || parts.size() > 3 || (parts[0] != "allow" && parts[0] != "deny") || parts[1].size() != 1)
        refuse(kKey, rule, kSyntax);
    DeviceRule parsed;
    parsed.allow = parts[0] == "allow";
    parsed.type = parts[1].front();
    parsed.access = access;
    if (parts.size() == 3) {
        const std::size_t colon = parts[2].find(':');
        if (colon == std::string_view::npos) refuse(kKey, rule, kSyntax);
        parsed.major = parseHalf(rule, parts[2].substr(0, colon));
        parsed.minor = parseHalf(rule, parts[2].substr(colon + 1));
    }
    checkDeviceRule(parsed);
    return parsed;
}

void checkDeviceRule(DeviceRule& rule) {
    if (rule.type != 'a' && rule.type != 'b' && rule.type != 'c')
        refuse(kKey, std::string(1, rule.type), "is no type of device that can be ruled on: a, b or c");
    if (rule.access.find_first_not_of("rwm") != std::string::npos)
        refuse(kKey, toText(rule) + " " + rule.access, "has an access other than r, w and m");
    if (rule.type != 'a') {
        checkDeviceNumber(kKey, rule.major.value_or(0), rule.minor.value_or(0));
        if (rule.access.empty()) refuse(kKey, toText(rule), "has no access: it is one or more of r, w and m");
        rule.access = accessText(accessBits(rule.access));
        return;
    }
    // The kernel's v1 files took these, and took them for "everything".
    if (rule.major || rule.minor) refuse(kKey, toText(rule), "is of type a, which is every device: it takes no number");
    if (!rule.access.empty() && accessBits(rule.access) != (kRead | kWrite | kMknod))
        refuse(kKey, toText(rule) + " " + rule.access, "is of type a, which is every access: rwm");
    rule.access = "rwm";
}

std::string toText(const DeviceRule& rule) {
    std::string text = std::string(rule.allow ? "allow " : "deny ") + rule.type;
    if (rule.type != 'a' || rule.major || rule.minor) text += " " + halfText(rule.major) + ":" + halfText(rule.minor);
    return text;
}

DeviceFilter emulate(const std::vector<DeviceRule>& rules) {
    DeviceFilter filter{rules.empty(), {}, ""};
    for (const DeviceRule& rule : rules) {
        const DeviceSet set{rule.type, rule.major, rule.minor};
        const unsigned bits = accessBits(rule.access);
        if (rule.type == 'a')
            filter = DeviceFilter{rule.allow, {}, ""};
        else if (rule.allow == filter.allowByDefault)
            takeAway(filter, rule, set, bits);
        else
            filter.exceptions[set] |= bits;
    }
    return filter;
}

DeviceProperties toDeviceProperties(const DeviceFilter& filter, unsigned systemdVersion) {
    // PID 1 has no word for "all but".
    if (filter.allowByDefault) return {"auto", {}, filter.exceptions.empty() && filter.hole.empty()};
    DeviceProperties properties{"strict", {}, filter.hole.empty()};
    std::array<unsigned, 2> every{};
    for (const auto& [set, bits] : filter.exceptions) {
        if (const std::optional<std::string> path = pathOf(set, systemdVersion)) {
            properties.allow.emplace_back(*path, accessText(bits));
            continue;
        }
        every[set.type == 'b' ? 1 : 0] |= bits;
        properties.exact = false;
    }
    widen(properties.allow, "char-*", every[0]);
    widen(properties.allow, "block-*", every[1]);
    return properties;
}

std::vector<std::pair<std::string, std::string>> everyDevice() {
    return {{"block-*", "rwm"}, {"char-*", "rwm"}};
}

} // namespace scopewright::limits
