// SPDX-License-Identifier: LGPL-2.1-or-later
// What the daemon answers and does, against a model of it, over lists of operations that nobody has thought up.
#include "catch.h"
#include "model/run.h"
#include "model/shrink.h"
#include "private_bus/world.h"
#include "wait.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

using namespace scopewright::integration;
using namespace scopewright::integration::model;

namespace {

std::optional<Failure> onBus(const std::vector<Operation>& operations, std::chrono::milliseconds limit) {
    PrivateBus bus;
    bus.useSocket();
    return carryOut(worldOf(bus), operations, limit);
}

Operation operation(Verb verb, std::size_t process = 0) {
    Operation made;
    made.verb = verb;
    made.process = process;
    return made;
}

} // namespace

TEST_CASE("whatever clients, administrators and crashes do, the world is what the model says", "[.model]") {
    const std::string failure = tryLists(wantedOperations(10000), onBus);
    std::printf("%s", failure.c_str());
    CHECK(failure.empty());
}

TEST_CASE("a list that fails is shortened to what it takes to fail", "[.model]") {
    const std::vector<Operation> list = generate(1, 200);
    std::size_t tries = 0;
    const auto fails = [&](const std::vector<Operation>& some) {
        ++tries;
        const auto first = std::ranges::find(some, Verb::CreateGroup, &Operation::verb);
        return std::find_if(first, some.end(), [](const Operation& o) { return o.verb == Verb::Crash; }) != some.end();
    };
    REQUIRE(fails(list));
    const std::vector<Operation> shortest = shrink(list, fails, 1000);
    REQUIRE(shortest.size() == 2);
    CHECK(shortest[0].verb == Verb::CreateGroup);
    CHECK(shortest[1].verb == Verb::Crash);
    CHECK(tries < 200);
    // Where nothing can be taken away, everything is tried once in each size, and no more often than allowed.
    const std::vector<Operation> all = generate(2, 8);
    CHECK(shrink(
              all, [&](const std::vector<Operation>& some) { return some.size() >= 8; }, 1000) == all);
    tries = 0;
    shrink(
        list, [&](const std::vector<Operation>&) { return ++tries, false; }, 5);
    CHECK(tries == 5);
}

TEST_CASE("the same seed is the same list, and another seed is another", "[.model]") {
    CHECK(generate(7, 50) == generate(7, 50));
    CHECK(generate(7, 50) != generate(8, 50));
    const std::vector<Operation> longer = generate(7, 60);
    CHECK(std::equal(longer.begin(), longer.begin() + 50, generate(7, 50).begin()));
    // As on every machine.
    CHECK(generate(7, 1).front().process == 6);
    CHECK(generate(7, 1).front().number == 421);
}

TEST_CASE("what happens behind the model's back is seen and told", "[.model]") {
    const Operation create = operation(Verb::Create);
    const auto meddled = [](const std::vector<Operation>& operations, const std::function<void(const World&)>& meddle) {
        PrivateBus bus;
        World world = worldOf(bus);
        world.reload = [&] { meddle(world); };
        return carryOut(world, operations, std::chrono::milliseconds(100));
    };
    const auto nothing = meddled({create, operation(Verb::Reload)}, [](const World&) {});
    CHECK_FALSE(nothing);

    const auto directory = meddled({create, operation(Verb::Get), operation(Verb::Reload)}, [](const World& world) {
        std::filesystem::create_directory(world.directory(world.slice + "/scopewright-0-s0.scope/stray"));
    });
    REQUIRE(directory);
    CHECK(directory->at == 2);
    CHECK(directory->what.find("too much: directory scopewright-0-s0.scope/stray") != std::string::npos);

    const auto group = meddled({create, operation(Verb::CreateCompatGroup), operation(Verb::Reload)},
                               [](const World&) { Client().manager("RemoveGroup", "s0", "c1").must(); });
    REQUIRE(group);
    CHECK(group->what.find("missing: group scopewright-0-s0.scope/c1 compat") != std::string::npos);

    const auto update = meddled({create, operation(Verb::Reload)}, [](const World&) {
        const scopewright::Properties limit{{"pids.limit", std::int64_t{99}}};
        Client().manager("UpdateSandbox", "s0", limit).must();
    });
    REQUIRE(update);
    CHECK(update->what.find("pids.limit=99") != std::string::npos);

    const auto death = meddled({create, operation(Verb::Reload)}, [](const World& world) { world.crash(); });
    REQUIRE(death);
    CHECK(death->what.find("the daemon died") != std::string::npos);
}
