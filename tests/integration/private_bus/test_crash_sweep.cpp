// SPDX-License-Identifier: LGPL-2.1-or-later
// The daemon is killed at each of its system calls, on a private bus with the fake PID 1.
#include "catch.h"
#include "crash/operations.h"
#include "crash/tracer.h"
#include "private_bus/private_bus.h"
#include "wait.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

using namespace scopewright::integration;

namespace {

/// Every how many-th call it is killed at: 1, unless this is to be quick.
std::size_t step() {
    const char* wanted = std::getenv("SCOPEWRIGHT_SWEEP_STEP");
    return wanted ? std::max(1UL, std::strtoul(wanted, nullptr, 10)) : 1;
}

std::vector<std::string> misuses(const Client& client) {
    const Answer answer = client.send(scopewright::bus::methodCall(
        client.raw(), "org.freedesktop.systemd1", "/org/scopewright1/test", "org.scopewright1.Test", "Misuses"));
    return std::get<0>(answer.get<std::vector<std::string>>());
}

} // namespace

TEST_CASE("a traced process that is killed at a call has carried out those before it and not that one") {
    for (const std::size_t last : {1U, 2U, 7U}) {
        CAPTURE(last);
        int start[2], ends[2];
        REQUIRE(::pipe(start) == 0);
        REQUIRE(::pipe(ends) == 0);
        Child child([&](const std::function<void()>& ready) {
            ready();
            pollfd begin{start[0], POLLIN, 0};
            ::ppoll(&begin, 1, nullptr, nullptr);
            while (::write(ends[1], "x", 1) == 1) {}
        });
        ::close(ends[1]);
        Tracer tracer(child.pid());
        REQUIRE(eventually([&] { return tracer.asleep(); }));
        tracer.killAt(last);
        REQUIRE(::write(start[1], "x", 1) == 1);
        CHECK(eventually([&] { return tracer.dead(); }));
        char written[16];
        CHECK(::read(ends[0], written, sizeof written) == static_cast<ssize_t>(last) - 1);
        CHECK(tracer.where().starts_with("write 'x'"));
        for (const int end : {start[0], start[1], ends[0]})
            ::close(end);
    }
}

TEST_CASE("a traced process is asleep until it has something to do, and goes on until it is killed") {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    Child child([&](const std::function<void()>& ready) {
        ready();
        for (char byte; ::read(ends[0], &byte, 1) == 1;)
            for (pollfd next{ends[0], POLLIN, 0}; ::ppoll(&next, 1, nullptr, nullptr) != 1;) {}
    });
    {
        Tracer tracer(child.pid());
        REQUIRE(::write(ends[1], "x", 1) == 1);
        REQUIRE(eventually([&] { return tracer.asleep(); }));
        tracer.killAt(0);
        for (std::size_t round = 1; round <= 3; ++round) {
            REQUIRE(::write(ends[1], "x", 1) == 1);
            REQUIRE(eventually([&] { return tracer.asleep() && tracer.calls() == 2 * round; }));
        }
        CHECK(child.alive());
        tracer.kill();
        CHECK(tracer.dead());
        CHECK_FALSE(child.alive());
    }
    for (const int end : ends)
        ::close(end);
    CHECK_THROWS(Tracer(child.pid()));
}

TEST_CASE("whatever call the daemon dies at, the next one finds the state before or after") {
    std::size_t points = 0;
    for (const Operation& operation : operations()) {
        PrivateBus bus;
        bus.useSocket();
        Report report;
        {
            World world(Place{bus.mountPoint(), bus.prefix(), {}});
            report = sweep(world, operation, Points{step(), 0});
            CHECK(misuses(world.client) == std::vector<std::string>());
        }
        std::printf("%s\n", report.line().c_str());
        for (const std::string& violation : report.violations)
            std::printf("  %s\n", violation.c_str());
        std::fflush(stdout);
        CHECK(report.violations.empty());
        points += report.points;
    }
    std::printf("%zu points\n", points);
    if (step() == 1) CHECK(points >= 1000);
}
