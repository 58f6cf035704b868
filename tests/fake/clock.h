// SPDX-License-Identifier: LGPL-2.1-or-later
// Time as tests want it. A program with clock.cpp in it stands between everything in it, libsystemd among it, and the
// kernel's clocks.
#pragma once

#include <chrono>
#include <ctime>

namespace scopewright::fake {

/// As long as it lives this clock is ahead (or behind) by so much, for this thread; the others are not.
class ClockJump {
public:
    ClockJump(clockid_t clock, std::time_t seconds);
    ClockJump(ClockJump&&) = delete;
    ~ClockJump();
};

/// So much time has gone by, at once: for the clocks that count it, and for the timers that event loops have armed.
/// What the kernel and other processes do meanwhile has got no time: see to it first that nothing is under way there.
void passTime(std::chrono::nanoseconds time);

/// From now on it goes by in no other way, however long this program is kept from running: no deadline is missed for
/// that.
void stopTime();

/// Until the first of those timers is due; zero if one is due now, and if there is none.
std::chrono::nanoseconds untilTimer();

/// To the first of them, or a millisecond on: for Link::onSilence, where nothing but deadlines is waited for.
void skipToTimer();

} // namespace scopewright::fake
