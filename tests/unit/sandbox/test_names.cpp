// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sandbox/names.h"

#include "catch.h"

using namespace scopewright;
using namespace scopewright::sandbox;

TEST_CASE("an id's grammar is that of a unit's middle part") {
    for (const std::string& id : {std::string("a"), std::string("0"), std::string("web-1.2_x"), std::string(64, 'z')})
        CHECK_NOTHROW(checkId(id));
    for (const std::string& id :
         {std::string(""), std::string("."), std::string("-"), std::string("_"), std::string("A"), std::string("a b"),
          std::string("a:b"), std::string("a/b"), std::string("a\n"), std::string("a\0", 2), std::string(65, 'z')}) {
        CAPTURE(id);
        CHECK_CODE(checkId(id), InvalidArgument);
    }
}

TEST_CASE("a label leads back to its key") {
    for (const Key& key : {Key{0, "web"}, Key{1000, "web"}, Key{4294967294U, "0"}}) {
        CAPTURE(label(key));
        CHECK(keyOf(label(key), 0) == key);
    }
    CHECK(label(Key{0, "web"}) == "web");
    CHECK(label(Key{1000, "web"}) == "1000:web");
}

TEST_CASE("a plain id is the caller's own, one with a uid is that uid's") {
    CHECK(keyOf("web", 1000) == Key{1000, "web"});
    CHECK(keyOf("0:web", 1000) == Key{0, "web"});
    for (const char* text :
         {"", ":", ":web", "x:web", "-1:web", "4294967296:web", "1:", "1:2:web", "1 :web", "+1:web"}) {
        CAPTURE(text);
        CHECK_CODE(keyOf(text, 0), InvalidArgument);
    }
}

TEST_CASE("the unit's name tells owner and id") {
    CHECK(defaultUnit(Key{0, "web"}) == "scopewright-0-web.scope");
    CHECK(defaultUnit(Key{4294967295U, std::string(64, 'z')}).size() <= 255);
}

TEST_CASE("OCI's cgroupsPath is slice, prefix and name") {
    const auto parsed = [](const char* text) {
        const UnitPlace place = parseCgroupsPath(text);
        return place.slice + " " + place.unit;
    };
    CHECK(parsed("machine.slice:crio:abc") == "machine.slice crio-abc.scope");
    CHECK(parsed(":crio:abc") == " crio-abc.scope");
    CHECK(parsed("machine.slice::abc") == "machine.slice abc.scope");
    CHECK(parsed("::abc") == " abc.scope");
    for (const char* text : {"", ":", "a:b", "a:b:", "a:b:c:d", "/a/b", "a:b:c/d", "a:-b:c", "::init", "::session-1",
                             "a:scopewright:0-web"}) {
        CAPTURE(text);
        CHECK_CODE(parseCgroupsPath(text), InvalidArgument);
    }
}
