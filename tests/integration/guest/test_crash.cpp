// SPDX-License-Identifier: LGPL-2.1-or-later
// The crash sweep with a real PID 1: some points of every operation. All of them are tried on the private bus.
#include "catch.h"
#include "crash/operations.h"
#include "guest/guest.h"

#include <cstdio>

using namespace scopewright::integration;

namespace {

/// In a container at least 60 of them altogether; an emulated machine takes seconds for each.
constexpr std::size_t kPointsOfEach = 6;
constexpr std::size_t kOperationsWhenEmulated = 3;

/// By itself PID 1 lets a service that was killed rest for a second.
void startAgain(const Client& client) {
    client
        .send(scopewright::bus::methodCall(client.raw(), "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                           "org.freedesktop.systemd1.Manager", "RestartUnit", std::string(kService),
                                           std::string("replace")))
        .must();
    if (!eventually([&] { return !client.owner().empty(); })) throw std::runtime_error("the daemon does not start");
}

std::vector<Operation> chosen() {
    std::vector<Operation> all = operations();
    if (!emulated()) return all;
    std::vector<Operation> some;
    for (std::size_t one = 0; one < kOperationsWhenEmulated; ++one)
        some.push_back(all[(2 * one + 1) * all.size() / (2 * kOperationsWhenEmulated)]);
    return some;
}

} // namespace

TEST_CASE("whatever call the daemon dies at, the next one finds the state before or after, and so does PID 1",
          "[crash]") {
    Guest guest;
    World world(Place{"/sys/fs/cgroup", "/scopewright.slice", [&] { startAgain(guest.client); }});
    std::size_t points = 0;
    for (const Operation& operation : chosen()) {
        const Report report = sweep(world, operation, Points{1, emulated() ? 2 : kPointsOfEach});
        std::printf("%s\n", report.line().c_str());
        for (const std::string& violation : report.violations)
            std::printf("  %s\n", violation.c_str());
        std::fflush(stdout);
        CHECK(report.violations.empty());
        points += report.points;
    }
    if (!emulated()) CHECK(points >= 60);
}
