// SPDX-License-Identifier: LGPL-2.1-or-later
// A request that fails leaves everything as it was, also when the scope was running already.
#include "catch.h"
#include "guest/guest.h"

#include <random>

using namespace scopewright::integration;
using scopewright::Properties;

namespace {

const char* const kSlice = "/scopewright.slice";

/// The slice, with nothing in it.
void prepareSlice(const Guest& guest) {
    guest.systemd.start("scopewright.slice");
    REQUIRE(eventually([] { return exists(kSlice) && treeOf(kSlice).size() == 1; }));
}

void checkNothingLeft(const Guest& guest) {
    CHECK(guest.list().empty());
    CHECK(guest.systemd.list("scopewright-*.scope").empty());
    CHECK(eventually([] { return treeOf(kSlice).size() <= 1; }));
}

} // namespace

TEST_CASE("a sandbox whose payload cannot be made is rolled back, and its processes live where they lived",
          "[fault-28]") {
    Guest guest;
    Recorder recorder;
    prepareSlice(guest);
    Child first;
    Child second(Child::grow(20));
    const std::string home = first.controlGroup();
    {
        // The scope itself may be made, and nothing in it.
        Override depth(kSlice, "cgroup.max.depth", "1");
        const Answer answer = guest.tryCreate("web", {&first, &second});
        CHECK(answer.error == "org.freedesktop.DBus.Error.LimitsExceeded");
        CHECK_FALSE(answer.text.empty());
        checkNothingLeft(guest);
        CHECK(first.alive());
        CHECK(second.alive());
        CHECK(first.controlGroup() == home);
        CHECK(second.controlGroup() == home);
    }
    CHECK(recorder.count([](const Signal& signal) { return signal.path != "/org/freedesktop/DBus"; }) == 0);
    // Nothing is in the way of the next one.
    const Created created = guest.create("web", {&first, &second});
    CHECK(first.controlGroup() == created.payload());
}

TEST_CASE("processes from different units go back to different units") {
    Guest guest;
    prepareSlice(guest);
    Child first, second, third;
    guest.systemd.startScope("source-a.scope", first.pid());
    guest.systemd.startScope("source-b.scope", second.pid());
    const std::string a = first.controlGroup(), b = second.controlGroup(), home = third.controlGroup();
    REQUIRE(a != b);
    {
        // A unit whose last process has left is stopped by PID 1; so each keeps one.
        Child keeperA, keeperB;
        REQUIRE(moveInto(a, keeperA.pid()) == 0);
        REQUIRE(moveInto(b, keeperB.pid()) == 0);
        Override depth(kSlice, "cgroup.max.depth", "1");
        CHECK(guest.tryCreate("web", {&first, &second, &third}).error == "org.freedesktop.DBus.Error.LimitsExceeded");
        CHECK(first.controlGroup() == a);
        CHECK(second.controlGroup() == b);
        CHECK(third.controlGroup() == home);
    }
    checkNothingLeft(guest);
    guest.systemd.stop("source-a.scope");
    guest.systemd.stop("source-b.scope");
}

TEST_CASE("a scope that PID 1 cannot make is refused, and its name stays free", "[fault-29][attack-14]") {
    Guest guest;
    prepareSlice(guest);
    Child child;
    const std::string home = child.controlGroup();
    {
        Override descendants(kSlice, "cgroup.max.descendants", "0");
        const Answer answer = guest.tryCreate("web", {&child});
        CHECK_FALSE(answer.ok());
        CHECK(child.alive());
        CHECK(child.controlGroup() == home);
        checkNothingLeft(guest);
    }
    guest.create("web", {&child});
}

TEST_CASE("a process that exits while its sandbox is made takes nobody with it", "[fault-36]") {
    Guest guest;
    std::minstd_rand random(3);
    for (int round = 0; round < times(40); ++round) {
        CAPTURE(round);
        Child steady;
        const std::string home = steady.controlGroup();
        Child fleeting(Child::exitAfter(static_cast<int>(random() % (emulated() ? 30000 : 6000))));
        const Answer answer = guest.tryCreate("web", {&steady, &fleeting});
        CHECK(steady.alive());
        if (answer.ok()) {
            CHECK(steady.controlGroup() == createdBy(answer).payload());
            guest.client.manager("StopSandbox", "web").must();
            CHECK_FALSE(steady.alive());
        } else {
            CHECK(answer.error == "org.freedesktop.DBus.Error.UnixProcessIdUnknown");
            CHECK(steady.controlGroup() == home);
            checkNothingLeft(guest);
        }
    }
}

TEST_CASE("the only process of a sandbox may exit while it is made", "[fault-36]") {
    Guest guest;
    std::minstd_rand random(4);
    for (int round = 0; round < times(40); ++round) {
        CAPTURE(round);
        Child fleeting(Child::exitAfter(static_cast<int>(random() % (emulated() ? 30000 : 6000))));
        const Answer answer = guest.tryCreate("web", {&fleeting});
        // Whatever PID 1 made of it, it is one of these, and nothing stays.
        CAPTURE(answer.error, answer.text);
        CHECK((answer.ok() || answer.error == "org.freedesktop.DBus.Error.UnixProcessIdUnknown" ||
               answer.error == "org.scopewright1.Error.UnitFailed"));
        CHECK(eventually([&] { return guest.list().empty(); }));
        CHECK(eventually([&] { return guest.systemd.list("scopewright-*.scope").empty(); }));
    }
}

TEST_CASE("a client that leaves in the middle of a request leaves a whole sandbox or none", "[bus][fault-8]") {
    Guest guest;
    std::minstd_rand random(5);
    for (int round = 0; round < times(20); ++round) {
        CAPTURE(round);
        Child child;
        const std::string home = child.controlGroup();
        {
            Client client;
            Pending attempt(client, client.request(kManagerPath, kManager, "CreateSandbox", "web",
                                                   Properties{{"PIDs", numbers({&child})}}, std::uint64_t{0}));
            // Only messages of one connection stay in their order: what others send later could come before the
            // request.
            client.bus("GetId").must();
            const auto over = std::chrono::steady_clock::now() + std::chrono::microseconds(random() % 5000);
            while (std::chrono::steady_clock::now() < over) {}
        }
        // Until it is whole, nobody can stop it; and while the bus is asked who the client is, nobody knows of it.
        bool whole = false;
        CHECK(eventually([&] {
            const Answer stopped = guest.client.manager("StopSandbox", "web");
            whole = whole || stopped.ok();
            return stopped.error == "org.scopewright1.Error.NoSuchSandbox" && guest.list().empty() &&
                   guest.systemd.list("scopewright-*.scope").empty();
        }));
        if (!whole) {
            CHECK(child.alive());
            CHECK(child.controlGroup() == home);
        }
        checkNothingLeft(guest);
    }
}
