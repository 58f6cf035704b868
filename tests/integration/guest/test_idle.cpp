// SPDX-License-Identifier: LGPL-2.1-or-later
// The daemon leaves when there is nothing to do, and no call is lost by that.
#include "catch.h"
#include "crossing.h"
#include "guest/guest.h"

#include <algorithm>
#include <random>

using namespace scopewright::integration;
using scopewright::Properties;

namespace {

/// A limit on idleness that emulation cannot mistake for work.
std::chrono::milliseconds idleTimeout() {
    return std::chrono::milliseconds(emulated() ? 2000 : 200);
}

void configureIdle(const Guest& guest) {
    guest.configure("[daemon]\nidle-timeout = \"" + std::to_string(idleTimeout().count()) + "ms\"\n");
}

bool leaves(const Guest& guest) {
    return eventually([&] { return guest.client.owner().empty() && guest.systemd.state(kService) != "active"; });
}

} // namespace

TEST_CASE("the daemon leaves when it has nothing to do, and comes back when it has", "[bus][machine]") {
    Guest guest;
    configureIdle(guest);
    CHECK(leaves(guest));
    CHECK(guest.systemd.state(kService) != "failed");
    CHECK(guest.client.manager("ListSandboxes").ok());
    CHECK(leaves(guest));
}

TEST_CASE("the daemon leaves though there are sandboxes, and knows them afterwards", "[bus]") {
    Guest guest;
    Child first, second;
    guest.create("one", {&first}, {{"memory.limit", std::int64_t{268435456}}});
    guest.create("two", {&second});
    guest.createGroup("one", "c1", {{"pids.limit", std::int64_t{64}}});
    const std::string before = std::get<0>(guest.client.manager("Describe").get<std::string>());
    configureIdle(guest);
    REQUIRE(leaves(guest));
    CHECK(first.alive());
    CHECK(std::get<0>(guest.client.manager("Describe").get<std::string>()) == before);
}

TEST_CASE("the daemon stays with its sandboxes if it is told to") {
    Guest guest;
    Child child;
    guest.create("web", {&child});
    guest.configure("[daemon]\nidle-timeout = \"50ms\"\nstay-while-sandboxes-exist = true\n");
    const pid_t daemon = guest.daemonPid();
    pass(std::chrono::milliseconds(emulated() ? 3000 : 500));
    CHECK(guest.daemonPid() == daemon);
    child.kill();
    CHECK(leaves(guest));
}

TEST_CASE("SIGHUP and Reload read the configuration again, and what is wrong in it is ignored") {
    Guest guest;
    guest.configure("[daemon]\nidle-timeout = \"nonsense\"\nno-such-option = 1\n");
    const pid_t daemon = guest.daemonPid();
    CHECK(guest.client.manager("ListSandboxes").ok());
    configureIdle(guest);
    CHECK(guest.daemonPid() == daemon);
    CHECK(leaves(guest));
}

TEST_CASE("two hundred clients lose no call while the daemon comes and goes", "[fault-23][attack-58]") {
    Guest guest;
    Child child;
    guest.create("web", {&child});
    configureIdle(guest);
    const Crossing crossing = crossIdleBoundary(idleTimeout(), emulated() ? 6 : 25, 200, "web");
    CHECK(crossing.failures == std::vector<std::string>());
    // It did come and go: each time its name has one owner less and one more.
    CHECK(crossing.changes >= 4);
    CHECK(guest.systemd.state(kService) != "failed");
}

TEST_CASE("sandboxes are made and ended while the daemon comes and goes", "[fault-23]") {
    Guest guest;
    configureIdle(guest);
    std::minstd_rand random(7);
    for (int round = 0; round < times(10); ++round) {
        CAPTURE(round);
        Child child;
        const Created created = guest.create("web", {&child});
        pass(std::chrono::duration_cast<std::chrono::microseconds>(idleTimeout()) -
             std::chrono::microseconds(5000 - random() % 10000));
        CHECK(guest.list().size() == 1);
        guest.client.manager("StopSandbox", "web").must();
        CHECK_FALSE(exists(created.controlGroup));
        pass(std::chrono::duration_cast<std::chrono::microseconds>(idleTimeout()) -
             std::chrono::microseconds(5000 - random() % 10000));
    }
}
