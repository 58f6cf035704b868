// SPDX-License-Identifier: LGPL-2.1-or-later
#include "limits/text.h"

#include "catch.h"

using namespace scopewright;
using namespace scopewright::limits;

using Texts = std::vector<std::pair<std::string, std::string>>;

TEST_CASE("a number is digits and nothing else", "[attack-29]") {
    CHECK(parseNumber("0") == 0U);
    CHECK(parseNumber("18446744073709551615") == UINT64_MAX);
    for (const char* text : {"", "-1", "+1", " 1", "1 ", "0x1", "1.0", "18446744073709551616", "1\n"}) {
        CAPTURE(text);
        CHECK(parseNumber(text) == std::nullopt);
    }
}

TEST_CASE("pieces and words") {
    CHECK(split("a,,b", ',') == std::vector<std::string_view>{"a", "", "b"});
    CHECK(split("", ',') == std::vector<std::string_view>{""});
    CHECK(words("  a  b ") == std::vector<std::string_view>{"a", "b"});
    CHECK(words("").empty());
}

TEST_CASE("values are told as people write them, and never as they came") {
    CHECK(valueText(true) == "true");
    CHECK(valueText(std::int32_t{-5}) == "-5");
    CHECK(valueText(UINT64_MAX) == "infinity");
    CHECK(valueText(std::vector<std::uint8_t>{0x1f, 0x02}) == "0-4,9");
    CHECK(valueText(std::string("a\nb")) == "a\\x0ab");
    CHECK(valueText(Texts{{"a", "b"}, {"c", "d"}}) == "a b, c d");
    CHECK(valueText(Unreadable{"d"}) == "of type d");
    CHECK(valueText(std::vector<std::uint32_t>{1, 2}) == "1, 2");
}
