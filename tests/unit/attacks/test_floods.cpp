// SPDX-License-Identifier: LGPL-2.1-or-later
// What becomes of calls when a user makes more of them than there are answers for.
#include "sandbox/bench.h"

#include <algorithm>

using namespace scopewright;
using namespace scopewright::unit;
using namespace std::chrono_literals;

namespace {

/// Ten answers at once and ten calls in line, and then four answers in a second.
config::Config slow() {
    config::Config config = Bench::quick();
    config.callsPerUser = 10;
    config.callsPerSecond = 4;
    return config;
}

auto answered(const std::vector<Pending>& calls) {
    return std::ranges::count_if(calls, [](const Pending& call) { return call->done; });
}

Pending explain(Bench& bench, const char* sender) {
    return bench.manager(sender, "Explain", Properties(), std::uint64_t(0));
}

} // namespace

TEST_CASE("who floods gets so many answers in a second, and nobody else waits for them", "[attack-49]") {
    NEEDS_CGROUPS();
    Bench bench(slow());
    REQUIRE(bench.list(Bench::kBob).empty());
    std::vector<Pending> flood;
    for (int i = 0; i < 60; ++i)
        flood.push_back(explain(bench, Bench::kAlice));
    REQUIRE(bench.until([&] { return answered(flood) >= 10; }));
    bench.settle();
    CHECK(answered(flood) <= 12);
    CHECK(bench.answer(explain(bench, Bench::kBob))->text == "");
    // Root's runtimes are not bounded.
    for (int i = 0; i < 40; ++i)
        CHECK(bench.answer(explain(bench, Bench::kRoot))->text == "");
    CHECK(answered(flood) <= 12);
    fake::passTime(2s);
    REQUIRE(bench.until([&] { return answered(flood) >= 18; }));
    bench.settle();
    CHECK(answered(flood) <= 22);
    // All have an answer in the end, and who was in the line the one that was asked for.
    bench.skipSilence();
    std::size_t refused = 0;
    for (const Pending& call : flood) {
        bench.answer(call);
        refused += call->error == fd("LimitsExceeded");
        if (!call->error.empty())
            CHECK(call->text == "10 calls of uid 1001 wait for their answers already; wait for one of them");
    }
    CHECK(refused >= 35);
    CHECK(refused <= 50);
}

TEST_CASE("a long call is worth several answers", "[attack-49]") {
    NEEDS_CGROUPS();
    Bench bench(slow());
    REQUIRE(bench.list(Bench::kAlice).empty());
    Pending longCall = bench.manager(Bench::kAlice, "GetSandbox", std::string(60000, 'x'));
    CHECK(bench.answer(longCall)->error == fd("InvalidArgs"));
    Pending next = explain(bench, Bench::kAlice);
    bench.settle();
    fake::passTime(3s);
    bench.settle();
    CHECK_FALSE(next->done);
    fake::passTime(5s);
    CHECK(bench.answer(next)->text == "");
}

TEST_CASE("objects that there are not are flooded in vain", "[attack-49]") {
    NEEDS_CGROUPS();
    for (const char* path : {"/", "/none", "/org/scopewright1/none"}) {
        CAPTURE(path);
        Bench bench(slow());
        std::vector<Pending> flood;
        for (int i = 0; i < 30; ++i)
            flood.push_back(bench.call(Bench::kAlice, path, "org.freedesktop.DBus.Peer", "Ping"));
        REQUIRE(bench.until([&] { return answered(flood) >= 10; }));
        bench.settle();
        CHECK(answered(flood) <= 12);
    }
}

TEST_CASE("calls that want no answer have no more room in line than others, and are dropped beyond", "[attack-49]") {
    NEEDS_CGROUPS();
    Bench bench(slow());
    bench.polkit.rule = [](const fake::FakePolkit::Question&) { return fake::FakePolkit::Answer::No; };
    REQUIRE(bench.list(Bench::kAlice).empty());
    const std::size_t before = bench.polkit.questions.size();
    for (int i = 0; i < 60; ++i)
        bench.emit(Bench::kAlice, bus::methodCall(bench.peer(), "org.scopewright1", Bench::kManagerPath,
                                                  Bench::kManager, "ListSandboxes"));
    bench.settle();
    bench.skipSilence();
    // It waits behind them, or is refused once they have been answered.
    bench.answer(explain(bench, Bench::kAlice));
    const std::size_t asked = bench.polkit.questions.size() - before;
    CHECK(asked >= 10);
    CHECK(asked <= 22);
}
