// SPDX-License-Identifier: LGPL-2.1-or-later
// Thousands of sandboxes: none is lost, none is left, and the daemon does not grow.
#include "catch.h"
#include "private_bus/world.h"
#include "soak.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace scopewright::integration;

namespace {

using Lines = std::vector<std::string>;

struct Use {
    pid_t process = 0;
    long kilobytes = 0;
    std::ptrdiff_t descriptors = 0;
};

Use useOf(pid_t process) {
    Use use;
    use.process = process;
    const std::string directory = "/proc/" + std::to_string(process);
    std::ifstream status(directory + "/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmRSS:")) use.kilobytes = std::stol(line.substr(6));
    using Entries = std::filesystem::directory_iterator;
    use.descriptors = std::distance(Entries(directory + "/fd"), Entries());
    return use;
}

/// Its allocator keeps what was freed, to find who uses it afterwards. Whether it is a library of its own or not, the
/// program names it.
bool isSanitized(pid_t process) {
    std::ifstream program("/proc/" + std::to_string(process) + "/exe", std::ios::binary);
    std::ostringstream content;
    content << program.rdbuf();
    return content.str().find("__asan_init") != std::string::npos;
}

} // namespace

TEST_CASE("a daemon that is killed again and again loses no sandbox and leaves none behind", "[.soak]") {
    PrivateBus bus;
    SoakPlan plan;
    plan.sandboxes = wantedSandboxes(2000);
    plan.betweenKills = std::chrono::milliseconds(100);
    const SoakResult result = soak(worldOf(bus), plan);
    CHECK(result.wrong == Lines());
    CHECK(result.left == Lines());
    CHECK(result.ended == plan.sandboxes);
    CHECK(result.kills > 0);
}

TEST_CASE("a daemon that has made many sandboxes is no larger than after the first ones", "[.soak]") {
    PrivateBus bus;
    const model::World world = worldOf(bus);
    const auto make = [&](std::size_t sandboxes) {
        SoakPlan plan;
        plan.sandboxes = sandboxes;
        const SoakResult result = soak(world, plan);
        CHECK(result.wrong == Lines());
        CHECK(result.left == Lines());
        CHECK(result.lost == 0);
        const Use use = useOf(world.daemon());
        std::printf("the daemon has %ld KiB and %td descriptors\n", use.kilobytes, use.descriptors);
        return use;
    };
    const std::size_t all = wantedSandboxes(2000);
    const Use few = make(all * 3 / 20);
    const Use many = make(all * 3 / 4);
    CHECK(many.process == few.process);
    CHECK(many.descriptors == few.descriptors);
    if (!isSanitized(many.process)) CHECK(many.kilobytes - few.kilobytes < 512);
}
