// SPDX-License-Identifier: LGPL-2.1-or-later
#include "systemd/link.h"

#include "catch.h"
#include "private_socket.h"
#include "systemd/manager.h"
#include "systemd/pid1.h"
#include "systemd/units.h"
#include "world.h"

#include <memory>

using namespace scopewright;
using namespace std::chrono_literals;
using scopewright::fake::PrivateSocket;
using scopewright::fake::World;
using scopewright::tests::Notes;

namespace {

/// A PID 1 that listens itself, and a way to it.
struct Bench {
    explicit Bench(bus::Microseconds patience = 10s)
        : socket(world.systemd, world.event()),
          link(world.connection(), socket.path()),
          time(patience),
          manager(link, time),
          units(link, notes) {}

    void open() { world.await(link.open(time)); }
    void start(const std::string& unit) {
        world.await(manager.startScope(
            unit, {Property{"Description", std::string("a test")}, Property{"Slice", std::string("scopewright.slice")},
                   Property{"Delegate", true}, Property{"CollectMode", std::string("inactive-or-failed")},
                   Property{"TimeoutStopUSec", std::uint64_t(10000000)},
                   Property{"PIDs", std::vector<std::uint32_t>(1, world.child().number())}}));
    }
    bool subscribed() const { return world.systemd.subscribed(); }

    World world;
    PrivateSocket socket;
    systemd::Link link;
    bus::Microseconds time;
    systemd::Manager manager;
    Notes notes;
    systemd::Units units;
};

} // namespace

#define NEEDS_CGROUPS()                                                                                                \
    if (const std::string why = fake::CgroupTree::whyNot(); !why.empty()) SKIP_TEST(why)

TEST_CASE("PID 1 is asked through its own socket, and nobody else is made to hear of units") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.open();
    REQUIRE(bench.link.direct());
    CHECK(bench.world.await(bench.manager.version()) == bench.world.systemd.version);
    bench.start("a.scope");
    CHECK(bench.world.systemd.find("a.scope")->activeState == "active");
    bench.world.systemd.stop("a.scope");
    REQUIRE(bench.world.until([&] { return !bench.notes.units.empty(); }));
    CHECK(bench.notes.units == std::vector<std::string>{"a.scope"});
    CHECK_FALSE(bench.subscribed());
    // What the bus says is not listened to.
    bench.world.systemd.spoofJobRemoved("a.scope", 1, "done");
    bench.world.driver.ownerChanged("org.freedesktop.systemd1", "", ":1.2");
    bench.world.settle();
    CHECK(bench.notes.all == 0);
}

TEST_CASE("where PID 1 does not listen it is asked through the bus") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.socket.close();
    bench.open();
    CHECK_FALSE(bench.link.direct());
    bench.start("a.scope");
    CHECK(bench.subscribed());
    bench.world.systemd.stop("a.scope");
    REQUIRE(bench.world.until([&] { return !bench.notes.units.empty(); }));
}

TEST_CASE("a socket at which nobody answers is no way to PID 1") {
    NEEDS_CGROUPS();
    Bench bench(200ms);
    bench.socket.stopAccepting();
    bench.open();
    CHECK_FALSE(bench.link.direct());
    CHECK(bench.subscribed());
    CHECK(bench.world.await(bench.manager.version()) == bench.world.systemd.version);
}

TEST_CASE("a PID 1 that executes itself anew is asked through the bus until it listens again") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.open();
    bench.start("a.scope");

    bench.world.systemd.deaf = true;
    std::string error;
    async::Scope scope(fake::Link::unexpected);
    const auto ask = [](Bench& at, std::string& outcome) -> async::Task<void> {
        try {
            co_await at.manager.version();
        } catch (const Error& failure) {
            outcome = failure.code() == ErrorCode::NoReply ? "no reply" : failure.what();
        }
    };
    scope.spawn(ask(bench, error));
    bench.world.settle();
    bench.socket.close();
    bench.world.systemd.deaf = false;
    REQUIRE(bench.world.until([&] { return !error.empty(); }));
    CHECK(error == "no reply");

    // Nobody has to wait, and no result of a job is lost.
    bench.start("b.scope");
    CHECK_FALSE(bench.link.direct());
    CHECK(bench.notes.all == 0);

    bench.socket.listen();
    REQUIRE(bench.world.until([&] { return bench.link.direct(); }));
    REQUIRE(bench.world.until([&] { return bench.notes.all == 1; }));
    bench.start("c.scope");
    // Once each: the bus is not listened to any more.
    bench.world.systemd.stop("c.scope");
    REQUIRE(bench.world.until([&] { return !bench.notes.units.empty(); }));
    bench.world.settle();
    CHECK(bench.notes.units == std::vector<std::string>{"c.scope"});
    bench.world.driver.ownerChanged("org.freedesktop.systemd1", "", ":1.2");
    bench.world.settle();
    CHECK(bench.notes.all == 1);
}

TEST_CASE("a call that finds the connection just closed goes through the bus") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.open();
    bench.socket.close();
    // The loop has not seen it yet; sd-bus does when it is to send.
    CHECK_NOTHROW(bench.world.until([&] { return !bench.link.direct(); }));
    bench.start("a.scope");
    CHECK(bench.world.systemd.find("a.scope")->activeState == "active");
}
