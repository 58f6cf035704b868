// SPDX-License-Identifier: LGPL-2.1-or-later
// How often a user may make a group, and what is left of groups.
#include "base/rate.h"

#include "bench.h"
#include "faults.h"
#include "sandbox/remains.h"

#include <ctime>

using namespace scopewright;
using namespace scopewright::unit;
using namespace std::chrono_literals;

namespace {

constexpr uid_t kAlice = 1001;
constexpr uid_t kBob = 1002;

std::chrono::milliseconds wait(Rate& rate, uid_t uid, Rate::Time now) {
    return rate.take(uid, 10, 3, now);
}

/// What a user had before.
void owned(Bench& bench, std::uint32_t uid, const std::string& id) {
    Child& child = bench.child();
    const std::string unit = "scopewright-" + std::to_string(uid) + "-" + id + ".scope";
    const state::Record record{id, uid, unit, "", "0"};
    bench.systemd.addUnit(unit, state::describe("Sandbox " + id, record), "active", {child.pid()});
}

} // namespace

TEST_CASE("so many at once, and then so many in a second, for each user", "[attack-33]") {
    Rate rate;
    const Rate::Time begin{1h};
    for (int i = 0; i < 3; ++i)
        CHECK(wait(rate, kAlice, begin) == 0ms);
    CHECK(wait(rate, kAlice, begin) == 100ms);
    CHECK(wait(rate, kBob, begin) == 0ms);
    // Who was refused has not made anything.
    CHECK(wait(rate, kAlice, begin + 99ms) == 1ms);
    CHECK(wait(rate, kAlice, begin + 100ms) == 0ms);
    CHECK(wait(rate, kAlice, begin + 100ms) > 0ms);
    // However long nobody comes, it is no more than that at once.
    for (int i = 0; i < 3; ++i)
        CHECK(wait(rate, kAlice, begin + 1h) == 0ms);
    CHECK(wait(rate, kAlice, begin + 1h) > 0ms);
}

TEST_CASE("very many users are counted, each by itself", "[attack-33]") {
    Rate rate;
    Rate::Time now{1h};
    for (uid_t uid = 1; uid <= 5000; ++uid) {
        rate.take(uid, 10, 1, now);
        now += 1ms;
        CHECK(wait(rate, uid, now) == 0ms);
    }
    CHECK(wait(rate, 5000, now) == 0ms);
    CHECK(wait(rate, 5000, now) > 0ms);
}

TEST_CASE("a user who makes groups too often has to wait; root has not, nor who removes", "[attack-33]") {
    NEEDS_CGROUPS();
    config::Config config = Bench::quick();
    config.newGroupsAtOnce = 2;
    config.newGroupsPerSecond = 1;
    Bench bench(config);
    bench.crash();
    owned(bench, kAlice, "web");
    bench.restart();
    const auto make = [&](const std::string& name, const char* sender) {
        const char* id = sender == Bench::kAlice ? "web" : "1001:web";
        return bench.createCompat(id, name, {}, sender);
    };
    CHECK(bench.answer(make("a", Bench::kAlice))->text == "");
    CHECK(bench.answer(make("b", Bench::kAlice))->text == "");
    REFUSED(bench, make("c", Bench::kAlice), fd("LimitsExceeded"));
    const fake::Pending refused = bench.answer(make("c", Bench::kAlice));
    CHECK(refused->text.starts_with("uid 1001 makes groups too often; come again in "));
    for (int i = 0; i < 4; ++i)
        CHECK(bench.answer(make("root" + std::to_string(i), Bench::kRoot))->text == "");
    CHECK(bench.answer(bench.manager(Bench::kAlice, "RemoveGroup", "web", "a"))->text == "");
    CHECK(bench.answer(bench.manager(Bench::kAlice, "RemoveGroup", "web", "b"))->text == "");
    // What was refused for another reason does not count, and what is past is forgotten.
    const fake::ClockJump later(CLOCK_MONOTONIC, 2);
    CHECK(bench.answer(make("root0", Bench::kAlice))->error == ours("GroupExists"));
    CHECK(bench.answer(make("a", Bench::kAlice))->text == "");
    CHECK(bench.answer(make("b", Bench::kAlice))->text == "");
}

TEST_CASE("what the kernel keeps of groups that are gone can be asked for", "[attack-33]") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    bench.makeProcessGroup("web", "more");
    Child& child = bench.child();
    const std::vector<std::uint32_t> numbers{child.number()};
    REQUIRE(bench.answer(bench.manager(Bench::kRoot, "AttachProcesses", "web", "more", numbers))->text == "");
    const auto remains = [&] { return bench.property(bench.path("web"), Bench::kSandbox, "Remains"); };
    CHECK(remains() == "0");
    // As long as nobody reaps it, the dead process belongs to the group.
    child.kill();
    REQUIRE(bench.answer(bench.manager(Bench::kRoot, "RemoveGroup", "web", "more"))->text == "");
    CHECK(remains() == "1");
    CHECK(std::stoul(bench.property(Bench::kManagerPath, Bench::kManager, "Remains")) >= 1);
    child.reap();
    CHECK(bench.until([&] { return remains() == "0"; }));
    // Who may not know of the sandbox learns nothing.
    CHECK(bench.property(bench.path("web"), Bench::kSandbox, "Remains", Bench::kAlice) == "");
}
