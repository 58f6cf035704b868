// SPDX-License-Identifier: LGPL-2.1-or-later
#include "state/text.h"

#include "catch.h"

using namespace scopewright;
using namespace scopewright::state;

TEST_CASE("the checksum is CRC-32 as everybody computes it") {
    CHECK(seal("123456789") == "123456789 crc=cbf43926");
    CHECK(seal("") == " crc=00000000");
}

TEST_CASE("a digest is 64 bits of FNV-1a") {
    CHECK(digest("") == "cbf29ce484222325");
    CHECK(digest("a") == "af63dc4c8601ec8c");
    CHECK(digest("foobar") == "85944171f73967e8");
    CHECK(digest("ab|c") != digest("a|bc"));
}

TEST_CASE("a sealed line comes back as its words") {
    const auto words = unseal(seal("a=1 b= c=x=y"));
    REQUIRE(words);
    CHECK(words->size() == 3);
    CHECK(words->at("a") == "1");
    CHECK(words->at("b").empty());
    CHECK(words->at("c") == "x=y");
}

TEST_CASE("a line without its seal, or with a word that is no pair, is nothing") {
    for (const std::string& line :
         {std::string(""), std::string("a=1"), std::string("a=1 crc="), std::string("crc=00000000"),
          std::string("a=1 crc=00000000"), seal("a=1") + " ", seal("a"), seal("a=1  b=2"), seal("a=1").substr(1)}) {
        CAPTURE(line);
        CHECK_FALSE(unseal(line));
    }
}

TEST_CASE("bytes of every kind and number go into a description and come back") {
    std::string all;
    for (int c = 0; c < 256; ++c)
        all += static_cast<char>(c);
    for (std::size_t size : {0U, 1U, 2U, 3U, 4U, 255U, 256U}) {
        const std::string bytes = all.substr(0, size);
        const std::string text = state::toBase64(bytes);
        CAPTURE(text);
        CHECK(text.find_first_of("+/= \n") == std::string::npos);
        CHECK(state::fromBase64(text) == bytes);
    }
    // RFC 4648, without its padding.
    CHECK(state::toBase64("foobar") == "Zm9vYmFy");
    CHECK(state::toBase64("fo") == "Zm8");
    CHECK(state::toBase64("\xfb\xff") == "-_8");
    for (const char* bad : {"A", "Zm9v!", "Zm9=", "Zn", "Zm9vYmFyA"})
        CHECK_FALSE(state::fromBase64(bad));
}
