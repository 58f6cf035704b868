// SPDX-License-Identifier: LGPL-2.1-or-later
// The functions below have the C library's names and come first when the program is linked; libsystemd and the C++
// library call them, too. sd-event arms one timer descriptor per clock, always with a point in time.
#include "clock.h"

#include <dlfcn.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>

namespace scopewright::fake {

namespace {

using std::chrono::nanoseconds;

thread_local clockid_t jumpingClock = -1;
thread_local std::time_t jump = 0;

struct Timer {
    clockid_t clock;
    std::optional<nanoseconds> due; ///< as whoever armed it sees time
};

/// Descriptors that were closed are forgotten when somebody looks.
std::map<int, Timer>& timers() {
    static std::map<int, Timer> known;
    return known;
}

/// Other threads look at clocks, too.
std::atomic<nanoseconds> passed{nanoseconds(0)};
std::atomic<bool> stopped{false};
nanoseconds stoppedAt[2]; ///< monotonic, boot time

bool counts(clockid_t clock) {
    return clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME;
}

int look(clockid_t clock, timespec* now) {
    using Function = int (*)(clockid_t, timespec*);
    static const Function next = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, "clock_gettime"));
    return next(clock, now);
}

nanoseconds toDuration(const timespec& time) {
    return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

timespec toTime(nanoseconds time) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
    return {seconds.count(), (time - seconds).count()};
}

int settime(int fd, int flags, const itimerspec* wanted, itimerspec* before) {
    return static_cast<int>(::syscall(SYS_timerfd_settime, fd, flags, wanted, before));
}

nanoseconds& stopOf(clockid_t clock) {
    return stoppedAt[clock == CLOCK_BOOTTIME];
}

/// Zero would disarm it.
int arm(int fd, const Timer& timer) {
    constexpr std::chrono::hours kNever{24 * 365};
    nanoseconds due = *timer.due - passed.load();
    if (stopped && due > stopOf(timer.clock)) due += kNever;
    const itimerspec real{{}, toTime(std::max(due, nanoseconds(1)))};
    return settime(fd, TFD_TIMER_ABSTIME, &real, nullptr);
}

void forgetClosed() {
    itimerspec left{};
    std::erase_if(timers(), [&](const auto& timer) { return ::timerfd_gettime(timer.first, &left) < 0; });
}

} // namespace

ClockJump::ClockJump(clockid_t clock, std::time_t seconds) {
    jumpingClock = clock;
    jump = seconds;
}

ClockJump::~ClockJump() {
    jumpingClock = -1;
    jump = 0;
}

void passTime(nanoseconds time) {
    forgetClosed();
    passed = passed.load() + time;
    for (const auto& [fd, timer] : timers())
        if (timer.due) arm(fd, timer);
}

void stopTime() {
    for (const clockid_t clock : {CLOCK_MONOTONIC, CLOCK_BOOTTIME}) {
        timespec now{};
        look(clock, &now);
        stopOf(clock) = toDuration(now);
    }
    stopped = true;
    passTime(nanoseconds(0));
}

nanoseconds untilTimer() {
    forgetClosed();
    std::optional<nanoseconds> first;
    for (const auto& [fd, timer] : timers()) {
        timespec now{};
        if (!timer.due || ::clock_gettime(timer.clock, &now) < 0) continue;
        const nanoseconds left = std::max(*timer.due - toDuration(now), nanoseconds(0));
        first = std::min(first.value_or(left), left);
    }
    return first.value_or(nanoseconds(0));
}

void skipToTimer() {
    passTime(std::max<nanoseconds>(untilTimer(), std::chrono::milliseconds(1)));
}

} // namespace scopewright::fake

using namespace scopewright::fake;

extern "C" {

int clock_gettime(clockid_t clock, timespec* now) noexcept {
    const int result = look(clock, now);
    if (result == 0 && counts(clock)) *now = toTime((stopped ? stopOf(clock) : toDuration(*now)) + passed.load());
    if (result == 0 && clock == jumpingClock) now->tv_sec += jump;
    return result;
}

int timerfd_create(clockid_t clock, int flags) noexcept {
    const int fd = static_cast<int>(::syscall(SYS_timerfd_create, clock, flags));
    if (fd >= 0) timers()[fd] = Timer{clock, std::nullopt};
    return fd;
}

int timerfd_settime(int fd, int flags, const itimerspec* wanted, itimerspec* before) noexcept {
    const auto found = timers().find(fd);
    if (found == timers().end() || !counts(found->second.clock) || (flags & TFD_TIMER_ABSTIME) == 0)
        return settime(fd, flags, wanted, before);
    found->second.due.reset();
    const nanoseconds due = toDuration(wanted->it_value);
    if (due == nanoseconds(0)) return settime(fd, flags, wanted, before);
    found->second.due = due;
    return arm(fd, found->second);
}

} // extern "C"
