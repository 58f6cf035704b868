// SPDX-License-Identifier: LGPL-2.1-or-later
#include "state/record.h"

#include "catch.h"
#include "state/text.h"

using namespace scopewright;
using namespace scopewright::state;

namespace {

Record example() {
    return Record{"web", 1000, "scopewright-1000-web.scope", "t-1", "0123456789abcdef", 1001, 1002};
}

} // namespace

TEST_CASE("a record comes back from its description, with whatever words before it") {
    for (const char* words : {"", "Sandbox web", "a [b] c", "[scopewright v=1]", "x crc=12345678"}) {
        CAPTURE(words);
        const ReadRecord read = readRecord(describe(words, example()));
        CHECK(read.state == RecordState::Ours);
        CHECK(read.record == example());
    }
}

TEST_CASE("a record without token, user and group comes back so") {
    const Record record{"0", 0, "a.scope", "", "0", std::nullopt, std::nullopt};
    const ReadRecord read = readRecord(describe("x", record));
    CHECK(read.state == RecordState::Ours);
    CHECK(read.record == record);
}

TEST_CASE("what was asked for travels in the record, whatever characters are in it") {
    Record record = example();
    record.resources = R"({"unified":{"memory.high":"10"},"cpu":{"cpus":"0-3, 8"}} =]crc=)";
    record.adopted = true;
    const std::string text = describe("Sandbox web", record);
    CHECK(isPlain(text.substr(text.find('[') + 1, text.size() - text.find('[') - 2)));
    CHECK(readRecord(text).state == RecordState::Ours);
    CHECK(readRecord(text).record == record);
    record.resources.assign(60000, 'r');
    CHECK(readRecord(describe("x", record)).record == record);
}

TEST_CASE("a record of an earlier daemon, which knew no resources, is read") {
    const ReadRecord read = readRecord("Sandbox web [scopewright v=1 id=web uid=0 unit=scopewright-0-web.scope tok=t-1 "
                                       "req=0123456789abcdef crc=87d18dc3]");
    CHECK(read.state == RecordState::Ours);
    CHECK(read.record.id == "web");
    CHECK(read.record.resources == "");
    CHECK_FALSE(read.record.adopted);
}

TEST_CASE("a record whose resources are no text of ours is damaged") {
    const std::string fields = "v=1 id=web uid=0 unit=a.scope tok= req=0 res=";
    CHECK(readRecord("x [scopewright " + seal(fields + "Zm8") + "]").state == RecordState::Ours);
    CHECK(readRecord("x [scopewright " + seal(fields + "Zn8=") + "]").state == RecordState::Corrupt);
}

TEST_CASE("the longest record is one safe line of moderate length", "[attack-10]") {
    const Record record{std::string(64, 'z'), 4294967294U, std::string(255, 'u'), std::string(64, 't'), digest("x"),
                        4294967294U,          4294967294U};
    const std::string text = describe(std::string(128, 'w'), record);
    CHECK(text.size() <= 768);
    CHECK(text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 =:._-[]") ==
          std::string::npos);
    CHECK(readRecord(text).record == record);
}

TEST_CASE("descriptions without a record are somebody else's") {
    for (const char* text :
         {"", "Session 1 of User root", "libcontainer container abc", "[scopewright]", "scopewright v=1"})
        CHECK(readRecord(text).state == RecordState::Foreign);
}

TEST_CASE("a record with any one byte changed, lost or added is not taken for ours", "[fault-55]") {
    const std::string good = describe("Sandbox web", example());
    const std::size_t start = good.find('[');
    for (std::size_t at = start; at < good.size(); ++at) {
        for (const char other : {'0', 'x', ' ', '='}) {
            std::string changed = good;
            if (changed[at] == other) continue;
            changed[at] = other;
            REQUIRE(readRecord(changed).state != RecordState::Ours);
        }
        REQUIRE(readRecord(good.substr(0, at)).state != RecordState::Ours);
        REQUIRE(readRecord(good.substr(0, at) + good.substr(at + 1)).state != RecordState::Ours);
        if (at > start) REQUIRE(readRecord(good.substr(0, at) + "0" + good.substr(at)).state != RecordState::Ours);
    }
    CHECK(readRecord(good + " ").state == RecordState::Corrupt);
}

TEST_CASE("a sealed record with odd contents is corrupt, one of a later version is newer", "[fault-55][fault-56]") {
    const auto stateOf = [](const std::string& fields) {
        return readRecord("x [scopewright " + seal(fields) + "]").state;
    };
    CHECK(stateOf("v=1 id=a uid=0 unit=a.scope tok= req=0") == RecordState::Ours);
    CHECK(stateOf("v=2 id=a uid=0 unit=a.scope tok= req=0") == RecordState::Newer);
    CHECK(stateOf("v=2 something=else") == RecordState::Newer);
    CHECK(stateOf("v=1 id=a uid=0 unit=a.scope tok=") == RecordState::Corrupt);
    CHECK(stateOf("v=1 id= uid=0 unit=a.scope tok= req=0") == RecordState::Corrupt);
    CHECK(stateOf("v=1 id=a uid=x unit=a.scope tok= req=0") == RecordState::Corrupt);
    CHECK(stateOf("v=1 id=a uid=-1 unit=a.scope tok= req=0") == RecordState::Corrupt);
    CHECK(stateOf("v=1 id=a uid=4294967296 unit=a.scope tok= req=0") == RecordState::Corrupt);
    CHECK(stateOf("id=a uid=0 unit=a.scope tok= req=0") == RecordState::Corrupt);
    CHECK(stateOf("v=1 word id=a uid=0 unit=a.scope tok= req=0") == RecordState::Corrupt);
    CHECK(stateOf("") == RecordState::Corrupt);
}

TEST_CASE("the record of this version is read by every later one", "[fault-57]") {
    // Made by version 1; must be good for ever.
    const ReadRecord read = readRecord("Sandbox web [scopewright v=1 id=web uid=1000 unit=scopewright-1000-web.scope "
                                       "tok=t-1 req=0123456789abcdef user=1001 group=1002 crc=1c27f548]");
    CHECK(read.state == RecordState::Ours);
    CHECK(read.record == example());
}

TEST_CASE("plain text is what comes back from a unit file as it went in", "[attack-10]") {
    CHECK(isPlain("Sandbox web: a=b_c.d-e"));
    CHECK(isPlain(""));
    for (const char* text :
         {"a\nb", "a\\", "a%b", "\"a\"", "a'b", "a;b", "#a", "a\tb", "\xc3\xa9", "a/b", "[a", "a]", "$a"}) {
        CAPTURE(text);
        CHECK_FALSE(isPlain(text));
    }
}
