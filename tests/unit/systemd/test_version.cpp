// SPDX-License-Identifier: LGPL-2.1-or-later
#include "systemd/version.h"

#include "catch.h"

#include <map>

using namespace scopewright;
using systemd::parseVersion;
using systemd::Version;

TEST_CASE("a systemd version is the numbers in front, whatever the distribution adds") {
    const std::map<std::string, Version> versions{
        {"252", {252, 0}},
        {"252.39-1~deb12u2", {252, 39}},
        {"v245.4-1.fc32", {245, 4}},
        {"v257.9-3.fc42", {257, 9}},
        {"259~rc1", {259, 0}},
        {"v260~rc2", {260, 0}},
        {"247.3-7+deb11u8", {247, 3}},
        {"254.26-1~bpo12+1", {254, 26}},
        {"257.13-1~deb13u1", {257, 13}},
        {"262.1-1", {262, 1}},
        {"v255", {255, 0}},
        {"256-rc3", {256, 0}},
        {"250 (custom)", {250, 0}},
        {"1", {1, 0}},
        {"255.4-1ubuntu8.6", {255, 4}},
        {"257.10.1-1", {257, 10}},
        {"0252", {252, 0}},
        {"258.1", {258, 1}},
        {"259-1.1", {259, 0}},
        // What follows the dot is no number: as if it were not there.
        {"252.", {252, 0}},
        {"252.x", {252, 0}},
        {"252.1x", {252, 0}},
        {"252.99999999999", {252, 0}},
    };
    for (const auto& [text, version] : versions) {
        CAPTURE(text);
        CHECK(parseVersion(text).number == version.number);
        CHECK(parseVersion(text).patch == version.patch);
    }
}

TEST_CASE("the versions that users can bring down are known to the release", "[attack-66]") {
    const std::map<std::string, bool> versions{
        {"247.3-7+deb11u8", false},
        {"252.39-1~deb12u2", false},
        {"256.9", false},
        {"257", true},
        {"257.10-1~deb13u1", true},
        {"257.11-1", false},
        {"258~rc1", true},
        {"258", true},
        {"258.4", true},
        {"258.5", false},
        {"v258.6-1", false},
        {"259", true},
        {"259.1-1", true},
        {"259.2", false},
        {"v260~rc2", false},
        {"260.1", false},
        {"262.1-1", false},
        {"257.x", true},
        {"258.10-1", false},
    };
    for (const auto& [text, flawed] : versions) {
        CAPTURE(text);
        const std::optional<std::string_view> flaw = systemd::knownFlaw(parseVersion(text));
        CHECK(flaw.has_value() == flawed);
        if (flaw) CHECK(*flaw == "CVE-2026-40223");
    }
}

TEST_CASE("what is no version is refused, and never taken for an old one") {
    for (const char* text : {"", "abc", "v", "252abc", " 252", "-252", "+252", "vv252", "V252", "0", ".252", "v.1",
                             "99999999999", "4294967296", "252_1", "252\n"}) {
        CAPTURE(text);
        CHECK_CODE(parseVersion(text), NotSupported);
    }
}

TEST_CASE("the message about a version that is none is one safe line") {
    try {
        parseVersion("\x1b[31m\nx");
        FAIL("accepted");
    } catch (const Error& error) {
        CHECK(std::string(error.what()).find('\n') == std::string::npos);
        CHECK(std::string(error.what()).find('\x1b') == std::string::npos);
    }
}
