// SPDX-License-Identifier: LGPL-2.1-or-later
// What a flood of one user's calls costs another one. It is measured and told, not judged: how fast a machine is, and
// what else it does, is nothing that a test should fail for.
#include "catch.h"
#include "floods.h"
#include "private_bus/private_bus.h"
#include "wait.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>

using namespace scopewright::integration;
using scopewright::Properties;
using scopewright::Property;

namespace {

struct Times {
    double median = 0;
    double slowest = 0; ///< but for one in a hundred
};

/// In microseconds, of so many or of as many as there are in some seconds; one that has no answer is the last.
Times measure(int count, const std::function<bool(int)>& act, const std::function<void(int)>& afterwards = {}) {
    std::vector<double> taken;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(4);
    for (int i = 0; i < count && std::chrono::steady_clock::now() < end; ++i) {
        const auto begun = std::chrono::steady_clock::now();
        const bool answered = act(i);
        taken.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begun).count());
        if (!answered) break;
        if (afterwards) afterwards(i);
    }
    std::sort(taken.begin(), taken.end());
    return Times{taken[taken.size() / 2], taken[taken.size() * 99 / 100]};
}

} // namespace

TEST_CASE("what a flood of one user's calls costs another one", "[.flood]") {
    PrivateBus bus("252.39-1~deb12u2", kFlooderPolicy);
    const std::unique_ptr<Program> daemon = bus.start();
    Client client;
    std::vector<std::unique_ptr<Child>> children;
    for (int i = 0; i < 20; ++i) {
        children.push_back(std::make_unique<Child>());
        create(client, "n" + std::to_string(i), *children.back());
    }
    std::map<std::string, Times> quiet;
    int made = 0;
    std::printf("microseconds, median / 99 of 100\n%-28s", "flood");
    for (const char* call : {"bus GetId", "ListSandboxes", "Describe", "CreateSandbox"})
        std::printf(" %22s", call);
    std::printf("\n");
    std::vector<Flood> kinds{{"none", nullptr}};
    kinds.insert(kinds.end(), floods().begin(), floods().end());
    for (const Flood& kind : kinds) {
        std::vector<std::unique_ptr<Child>> flooders;
        for (int i = 0; kind.make && i < 2; ++i)
            flooders.push_back(std::make_unique<Child>(floodAsFlooder(kind)));
        std::printf("%-28s", kind.name);
        const auto tell = [&](const std::string& call, const Times& times) {
            if (!kind.make) quiet[call] = times;
            std::printf(" %6.0f %7.0f %4.1fx", times.median, times.slowest, times.median / quiet[call].median);
            std::fflush(stdout);
        };
        tell("GetId", measure(300, [&](int) { return client.bus("GetId").ok(); }));
        tell("List", measure(300, [&](int) { return client.manager("ListSandboxes").ok(); }));
        tell("Describe", measure(100, [&](int) { return client.manager("Describe").ok(); }));
        std::unique_ptr<Child> child = std::make_unique<Child>();
        const auto make = [&](int) {
            const Properties properties{{"PIDs", numbers({child.get()})}};
            return client.manager("CreateSandbox", "c" + std::to_string(made++), properties, std::uint64_t{0}).ok();
        };
        tell("Create", measure(50, make, [&](int) {
                 client.manager("StopSandbox", "c" + std::to_string(made - 1));
                 child = std::make_unique<Child>();
             }));
        std::printf("\n");
        CHECK(std::ranges::all_of(flooders, [](const auto& flooder) { return flooder->alive(); }));
    }
    CHECK(daemon->running());
}
