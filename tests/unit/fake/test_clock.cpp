// SPDX-License-Identifier: LGPL-2.1-or-later
// Time that does not pass when it should, or for others than it should, would make other tests prove nothing.
#include "bus/bus.h"
#include "bus/loop.h"
#include "clock.h"

#include "catch.h"

#include <array>
#include <chrono>
#include <memory>

using namespace scopewright;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

int note(sd_event_source*, std::uint64_t, void* userdata) noexcept {
    *static_cast<bool*>(userdata) = true;
    return 0;
}

/// An event loop with two timers.
struct Loop {
    Loop() {
        sd_event* raw = nullptr;
        REQUIRE(sd_event_new(&raw) >= 0);
        event.reset(raw);
        soon = bus::addTimer(raw, 10s, note, &rang[0]);
        later = bus::addTimer(raw, 30s, note, &rang[1]);
        run();
    }

    /// Whatever is due now.
    void run() {
        while (sd_event_run(event.get(), 0) > 0) {}
    }

    std::array<bool, 2> rang{};
    bus::EventHandle event;
    bus::Source soon, later;
};

} // namespace

TEST_CASE("time that is passed is over for clocks and for timers that are armed, and for no others") {
    Loop loop;
    const Clock::time_point begun = Clock::now();
    const auto date = std::chrono::system_clock::now();
    fake::passTime(9s);
    loop.run();
    CHECK(loop.rang == std::array{false, false});
    // sd-event waits for a millisecond more, so that timers of the same moment come together.
    CHECK(fake::untilTimer() <= 1010ms);
    fake::passTime(2s);
    loop.run();
    CHECK(loop.rang == std::array{true, false});
    CHECK(fake::untilTimer() > 10s);
    CHECK(fake::untilTimer() <= 19010ms);
    fake::passTime(fake::untilTimer() + 1ms);
    loop.run();
    CHECK(loop.rang == std::array{true, true});
    CHECK(Clock::now() - begun >= 30s);
    CHECK(Clock::now() - begun < 45s);
    CHECK(std::chrono::system_clock::now() - date < 15s);
}

TEST_CASE("a timer that is armed after time was passed is due when it says") {
    fake::passTime(1h);
    Loop loop;
    CHECK(loop.rang == std::array{false, false});
    CHECK(fake::untilTimer() > 5s);
    fake::passTime(11s);
    loop.run();
    CHECK(loop.rang == std::array{true, false});
}

TEST_CASE("a timer whose event loop is gone is waited for no more") {
    auto gone = std::make_unique<Loop>();
    CHECK(fake::untilTimer() > 0s);
    gone.reset();
    CHECK(fake::untilTimer() == 0s);
}
