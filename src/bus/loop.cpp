// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bus/loop.h"

#include "async/completion.h"

#include <ctime>

namespace scopewright::bus {

namespace {

int completeFalse(sd_event_source*, std::uint64_t, void* userdata) noexcept {
    static_cast<async::Completion<bool>*>(userdata)->complete(false);
    return 0;
}

int completeTrue(sd_event_source*, int, std::uint32_t, void* userdata) noexcept {
    static_cast<async::Completion<bool>*>(userdata)->complete(true);
    return 0;
}

} // namespace

Source addTimer(sd_event* event, Microseconds delay, sd_event_time_handler_t callback, void* userdata) {
    constexpr std::uint64_t kAccuracy = 1000;
    sd_event_source* source = nullptr;
    check(sd_event_add_time_relative(event, &source, CLOCK_MONOTONIC, static_cast<std::uint64_t>(delay.count()),
                                     kAccuracy, callback, userdata),
          "add a timer");
    return Source(source);
}

Source addDeferred(sd_event* event, sd_event_handler_t callback, void* userdata) {
    sd_event_source* source = nullptr;
    check(sd_event_add_defer(event, &source, callback, userdata), "add a deferred call");
    Source owned(source);
    check(sd_event_source_set_enabled(source, SD_EVENT_OFF), "turn a deferred call off");
    return owned;
}

Source completeAfter(sd_event* event, Microseconds delay, async::Completion<bool>& waiting) {
    return addTimer(event, delay, completeFalse, &waiting);
}

async::Task<void> sleepFor(sd_event* event, Microseconds delay) {
    async::Completion<bool> elapsed;
    Source timer = completeAfter(event, delay, elapsed);
    co_await elapsed;
}

async::Task<bool> waitFor(sd_event* event, int fd, std::uint32_t events, Microseconds delay) {
    async::Completion<bool> ready;
    sd_event_source* source = nullptr;
    check(sd_event_add_io(event, &source, fd, events, completeTrue, &ready), "watch a descriptor");
    Source watch(source);
    Source timer = completeAfter(event, delay, ready);
    bool result = co_await ready;
    co_return result;
}

async::Task<void> waitFor(sd_event* event, async::Broadcast& news, Microseconds delay) {
    async::Broadcast::Waiter waiter(news);
    Source timer = addTimer(
        event, delay,
        [](sd_event_source*, std::uint64_t, void* userdata) noexcept {
            static_cast<async::Broadcast::Waiter*>(userdata)->fire();
            return 0;
        },
        &waiter);
    co_await waiter;
}

} // namespace scopewright::bus
