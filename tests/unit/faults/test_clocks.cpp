// SPDX-License-Identifier: LGPL-2.1-or-later
// Clocks that jump under an operation: the wall clock when somebody sets it, the one that counts sleep after a suspend.
#include "clock.h"
#include "sandbox/bench.h"

using namespace scopewright;
using namespace scopewright::unit;
using namespace std::chrono_literals;

namespace {

constexpr std::time_t kTenYears = 10L * 365 * 86400;

/// A start, a job that hangs and an end, each with the jump in the middle of it.
void live(clockid_t clock, std::time_t seconds) {
    Bench bench(patience(300ms));
    Child& child = bench.child();
    Child& hanging = bench.child();
    Pending slow = bench.create("a-slow", pids(child));
    Pending hang = bench.create("b-hang", pids(hanging));
    REQUIRE(bench.until([&] { return bench.systemd.find(bench.unitOf("b-hang")) != nullptr; }));
    // Now each of them has its deadline.
    bench.settle();
    const auto begun = std::chrono::steady_clock::now();
    const fake::ClockJump jump(clock, seconds);
    CHECK(bench.answer(slow)->text == "");
    CHECK(child.controlGroup() == bench.scopeOf("a-slow") + "/payload");
    CHECK_FALSE(hang->done);
    CHECK(bench.answer(hang)->error == fd("Timeout"));
    const auto taken = std::chrono::steady_clock::now() - begun;
    CHECK(taken >= 200ms);
    CHECK(taken < 5s);
    bench.systemd.release(bench.unitOf("b-hang"));
    CHECK(bench.answer(bench.manager(Bench::kRoot, "StopSandbox", "a-slow"))->text == "");
    CHECK_FALSE(child.alive());
}

} // namespace

TEST_CASE("the wall clock may jump by ten years, forth and back", "[fault-52]") {
    NEEDS_CGROUPS();
    for (const std::time_t seconds : {kTenYears, -kTenYears}) {
        CAPTURE(seconds);
        live(CLOCK_REALTIME, seconds);
    }
}

TEST_CASE("no deadline runs out while the machine sleeps", "[fault-53]") {
    NEEDS_CGROUPS();
    // Asleep, the monotonic clock stands still and the boot-time clock does not.
    live(CLOCK_BOOTTIME, 8 * 3600);
}
