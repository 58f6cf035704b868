// SPDX-License-Identifier: LGPL-2.1-or-later
#include "systemd/units.h"

#include "catch.h"
#include "world.h"

#include <algorithm>

using namespace scopewright;
using scopewright::fake::World;

namespace {

class Notes : public systemd::UnitsObserver {
public:
    void recheck(const std::string& unit) override { units.push_back(unit); }
    void recheckAll() override { ++all; }
    void jobDone(const std::string& unit) override { units.push_back("done " + unit); }

    std::vector<std::string> units;
    int all = 0;
};

void subscribe(World& world) {
    bus::Message call = bus::methodCall(world.connection().raw(), "org.freedesktop.systemd1",
                                        "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "Subscribe");
    world.await(world.connection().call(call, World::kPatience));
}

} // namespace

TEST_CASE("a unit that ends is looked at again") {
    if (const std::string why = fake::CgroupTree::whyNot(); !why.empty()) SKIP_TEST(why);
    World world;
    Notes notes;
    systemd::Units units(world.connection(), notes);
    subscribe(world);
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
    systemd::Units units(world.connection(), notes);
    subscribe(world);
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
    systemd::Units units(world.connection(), notes);
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
    { systemd::Units units(world.connection(), notes); }
    world.driver.ownerChanged("org.freedesktop.systemd1", ":1.1", "");
    world.systemd.reload();
    world.settle();
    CHECK(notes.all == 0);
}
