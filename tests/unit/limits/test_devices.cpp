// SPDX-License-Identifier: LGPL-2.1-or-later
#include "limits/devices.h"

#include "catch.h"
#include "limits/dice.h"

#include <set>

using namespace scopewright;
using namespace scopewright::limits;

namespace {

using Entries = std::set<std::pair<std::string, std::string>>;

std::vector<DeviceRule> rules(std::initializer_list<std::pair<const char*, const char*>> texts) {
    std::vector<DeviceRule> list;
    for (const auto& [rule, access] : texts)
        list.push_back(parseDeviceRule(rule, access));
    return list;
}

struct Told {
    std::string policy;
    Entries allow;
    bool exact;
    bool operator==(const Told&) const = default;
};

Told told(std::initializer_list<std::pair<const char*, const char*>> texts, unsigned version = 252) {
    const DeviceProperties properties = toDeviceProperties(emulate(rules(texts)), version);
    return {properties.policy, Entries(properties.allow.begin(), properties.allow.end()), properties.exact};
}

/// The definition: the last rule decides that names the device and the access; what none names is denied.
bool permitted(const std::vector<DeviceRule>& list, char type, std::uint32_t major, std::uint32_t minor, char access) {
    bool allowed = list.empty();
    for (const DeviceRule& rule : list)
        if ((rule.type == 'a' || rule.type == type) && rule.major.value_or(major) == major &&
            rule.minor.value_or(minor) == minor && rule.access.find(access) != std::string::npos)
            allowed = rule.allow;
    return allowed;
}

/// As PID 1 means it, restricted to what toDeviceProperties() writes.
bool permitted(const DeviceProperties& told, char type, std::uint32_t major, std::uint32_t minor, char access) {
    if (told.policy == "auto") return true;
    const std::string kind = type == 'b' ? "block" : "char";
    for (const auto& [path, letters] : told.allow)
        if ((path == "/dev/" + kind + "/" + std::to_string(major) + ":" + std::to_string(minor) ||
             path == kind + "-" + std::to_string(major) || path == kind + "-*") &&
            letters.find(access) != std::string::npos)
            return true;
    return false;
}

} // namespace

TEST_CASE("rules in order become a strict list") {
    CHECK(told({{"deny a", "rwm"},
                {"allow c 1:3", "rwm"},
                {"allow c 136:*", "rwm"},
                {"allow b 8:0", "r"},
                {"deny c 1:3", "w"}}) ==
          Told{"strict", {{"/dev/char/1:3", "rm"}, {"char-136", "rwm"}, {"/dev/block/8:0", "r"}}, true});
    CHECK(told({{"allow a", ""}}) == Told{"auto", {}, true});
    CHECK(told({{"deny a", ""}}) == Told{"strict", {}, true});
    CHECK(told({{"allow c 1:3", "m"}, {"allow c 1:3", "r"}}) == Told{"strict", {{"/dev/char/1:3", "rm"}}, true});
    CHECK(told({{"allow c *:*", "m"}, {"allow b *:*", "m"}}) ==
          Told{"strict", {{"char-*", "m"}, {"block-*", "m"}}, true});
    CHECK(told({{"allow c 1:3", "rwm"}, {"deny a", ""}}) == Told{"strict", {}, true});
}

TEST_CASE("no rules at all restrict nothing") {
    CHECK(told({}) == Told{"auto", {}, true});
}

TEST_CASE("what PID 1 has no words for is marked, and what it is told allows no less") {
    // All but some.
    CHECK(told({{"allow a", ""}, {"deny b 8:0", "rwm"}}) == Told{"auto", {}, false});
    // A minor of every driver.
    CHECK(told({{"allow c *:3", "r"}, {"allow c 1:5", "rw"}}) ==
          Told{"strict", {{"char-*", "r"}, {"/dev/char/1:5", "rw"}}, false});
    // PID 1 keeps one entry a path: the two have to be one.
    CHECK(told({{"allow c *:*", "m"}, {"allow c *:3", "r"}}) == Told{"strict", {{"char-*", "rm"}}, false});
    // A hole in a wildcard.
    CHECK(told({{"deny a", ""}, {"allow c *:*", "m"}, {"deny c 1:3", "m"}}) ==
          Told{"strict", {{"char-*", "m"}}, false});
    CHECK(emulate(rules({{"allow c *:*", "m"}, {"deny c 1:3", "m"}})).hole == "deny c 1:3 m");
    CHECK(emulate(rules({{"allow c *:*", "m"}, {"deny c 1:3", "rw"}})).hole.empty());
    CHECK(emulate(rules({{"allow c 5:*", "w"}, {"deny c *:3", "rw"}})).hole == "deny c *:3 rw");
    // Before 240 a driver is a name, which is not known here.
    CHECK(told({{"allow c 136:*", "rwm"}}, 239) == Told{"strict", {{"char-*", "rwm"}}, false});
    CHECK(told({{"allow c 136:*", "rwm"}}, 240) == Told{"strict", {{"char-136", "rwm"}}, true});
}

TEST_CASE("a rule that takes back takes back all it covers") {
    CHECK(told({{"allow c 1:3", "rwm"}, {"allow c 1:5", "rwm"}, {"deny c 1:*", "w"}}) ==
          Told{"strict", {{"/dev/char/1:3", "rm"}, {"/dev/char/1:5", "rm"}}, true});
    CHECK(told({{"allow a", ""}, {"deny c 1:3", "rwm"}, {"allow c *:*", "rwm"}}) == Told{"auto", {}, true});
}

TEST_CASE("what PID 1 is told is what the rules mean, or more where that is marked") {
    unit::ResourceDice dice;
    const auto half = [&](std::initializer_list<std::uint32_t> numbers) -> std::optional<std::uint32_t> {
        return dice.once(3) ? std::nullopt : std::optional(dice.oneOf(numbers));
    };
    int exact = 0;
    for (int i = 0; i < 3000; ++i) {
        std::vector<DeviceRule> list;
        for (std::uint64_t n = dice.upTo(6); n > 0; --n) {
            DeviceRule rule{dice.once(2), dice.oneOf({'a', 'b', 'c', 'c', 'c'}), {}, {}, "rwm"};
            if (rule.type != 'a') {
                rule.major = half({1, 5});
                rule.minor = half({0, 3});
                rule.access = dice.oneOf<std::string>({"r", "w", "rw", "rwm"});
            }
            list.push_back(rule);
        }
        const DeviceProperties properties = toDeviceProperties(emulate(list), 252);
        exact += properties.exact ? 1 : 0;
        for (char type : {'b', 'c'})
            for (std::uint32_t major : {1U, 5U, 7U})
                for (std::uint32_t minor : {0U, 3U, 9U})
                    for (char access : {'r', 'w', 'm'}) {
                        const bool meant = permitted(list, type, major, minor, access);
                        const bool said = permitted(properties, type, major, minor, access);
                        if (meant == said || (said && !properties.exact)) continue;
                        for (const DeviceRule& rule : list)
                            UNSCOPED_INFO(toText(rule) << " " << rule.access);
                        FAIL(type << major << ":" << minor << " " << access << " meant " << meant << " said " << said);
                    }
    }
    CHECK(exact > 300);
}
