// SPDX-License-Identifier: LGPL-2.1-or-later
#include "systemd/units.h"

#include "catch.h"
#include "systemd/pid1.h"
#include "world.h"

#include <algorithm>

using namespace scopewright;
using scopewright::fake::World;
using scopewright::tests::Notes;
using scopewright::tests::OnTheBus;

TEST_CASE("a unit that ends is looked at again") {
    if (const std::string why = fake::CgroupTree::whyNot(); !why.empty()) SKIP_TEST(why);
    World world;
    Notes notes;
    OnTheBus pid1(world.connection());
    systemd::Units units(pid1.link, notes);
    world.settle();
    fake::Child& child = world.child();
    world.systemd.addUnit("a.scope", "x", "active", {child.pid()});
    child.kill();
    REQUIRE(world.until([&] { return !notes.units.empty(); }));
    CHECK(notes.units == std::vector<std::string>{"a.scope"});
    CHECK(notes.all == 0);
}

TEST_CASE("after a daemon-reload everything is looked at again, once it is over") {
    if (const std::string why = fake::CgroupTree::whyNot(); !why.empty()) SKIP_TEST(why);
    World world;
    Notes notes;
    OnTheBus pid1(world.connection());
    systemd::Units units(pid1.link, notes);
    world.settle();
    world.systemd.addUnit("a.scope", "x", "failed");
    world.systemd.addUnit("b.scope", "x", "failed");
    world.systemd.reload();
    REQUIRE(world.until([&] { return notes.all == 1; }));
    CHECK(notes.units == std::vector<std::string>{"a.scope", "b.scope"});
}

TEST_CASE("a new owner of PID 1's name makes everything be looked at again, other names do not") {
    if (const std::string why = fake::CgroupTree::whyNot(); !why.empty()) SKIP_TEST(why);
    World world;
    Notes notes;
    OnTheBus pid1(world.connection());
    systemd::Units units(pid1.link, notes);
    world.driver.ownerChanged("org.example", ":1.1", "");
    world.driver.ownerChanged(":1.5", ":1.5", "");
    world.settle();
    CHECK(notes.all == 0);
    world.driver.ownerChanged("org.freedesktop.systemd1", ":1.1", "");
    world.driver.ownerChanged("org.freedesktop.systemd1", "", ":1.2");
    // Once: while nobody owns the name there is nobody to ask.
    REQUIRE(world.until([&] { return notes.all == 1; }));
    world.settle();
    CHECK(notes.all == 1);
}

TEST_CASE("no signal arrives once the watch is gone") {
    if (const std::string why = fake::CgroupTree::whyNot(); !why.empty()) SKIP_TEST(why);
    World world;
    Notes notes;
    OnTheBus pid1(world.connection());
    { systemd::Units units(pid1.link, notes); }
    world.driver.ownerChanged("org.freedesktop.systemd1", ":1.1", "");
    world.systemd.reload();
    world.settle();
    CHECK(notes.all == 0);
}
