// SPDX-License-Identifier: LGPL-2.1-or-later
// A polkit that is not there, comes back, and hangs again.
#include "sandbox/bench.h"

using namespace scopewright;
using namespace scopewright::unit;
using namespace std::chrono_literals;
using fake::FakePolkit;
using Answer = FakePolkit::Answer;

TEST_CASE("a polkit that comes and goes is asked each time, denies in five seconds, and is nothing to root",
          "[fault-24]") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    const auto ask = [&] { return bench.manager(Bench::kAlice, "GetSandbox", "0:web"); };
    for (int turn = 0; turn < 2; ++turn) {
        bench.polkit.rule = nullptr;
        CHECK(bench.answer(ask())->error == ours("NoSuchSandbox"));
        bench.polkit.rule = [](const FakePolkit::Question&) { return Answer::Yes; };
        CHECK(bench.answer(ask())->error == "");
    }
    bench.polkit.rule = [](const FakePolkit::Question&) { return Answer::Silence; };
    Pending waiting = ask();
    bench.sandbox("other");
    REQUIRE(bench.answer(bench.manager(Bench::kRoot, "StopSandbox", "other"))->text == "");
    CHECK_FALSE(waiting->done);
    fake::passTime(4s);
    bench.settle();
    CHECK_FALSE(waiting->done);
    fake::passTime(1s);
    bench.settle();
    CHECK(waiting->done);
    CHECK(bench.answer(waiting)->error == ours("NoSuchSandbox"));
}
