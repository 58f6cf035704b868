// SPDX-License-Identifier: LGPL-2.1-or-later
#include "systemd/version.h"

#include "catch.h"

#include <map>

using namespace scopewright;
using systemd::parseVersion;

TEST_CASE("a systemd version is the number in front, whatever the distribution adds") {
    const std::map<std::string, unsigned> versions{
        {"252", 252},
        {"252.39-1~deb12u2", 252},
        {"v245.4-1.fc32", 245},
        {"259~rc1", 259},
        {"247.3-7+deb11u8", 247},
        {"254.26-1~bpo12+1", 254},
        {"257.13-1~deb13u1", 257},
        {"262.1-1", 262},
        {"v255", 255},
        {"256-rc3", 256},
        {"250 (custom)", 250},
        {"1", 1},
        {"255.4-1ubuntu8.6", 255},
        {"0252", 252},
    };
    for (const auto& [text, number] : versions) {
        CAPTURE(text);
        CHECK(parseVersion(text) == number);
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
