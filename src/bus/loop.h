// SPDX-License-Identifier: LGPL-2.1-or-later
// The event loop's timers and descriptors as tasks.
#pragma once

#include "async/completion.h"
#include "async/task.h"
#include "bus/bus.h"

#include <chrono>
#include <cstdint>
#include <memory>

namespace scopewright::bus {

struct SourceRelease {
    void operator()(sd_event_source* source) const noexcept { sd_event_source_disable_unref(source); }
};
using Source = std::unique_ptr<sd_event_source, SourceRelease>;

using Microseconds = std::chrono::microseconds;

/// Calls `callback(userdata)` once, `delay` from now by the monotonic clock.
Source addTimer(sd_event* event, Microseconds delay, sd_event_time_handler_t callback, void* userdata);

/// Completes `waiting` with false when `delay` has passed, unless it is let go of before.
Source completeAfter(sd_event* event, Microseconds delay, async::Completion<bool>& waiting);

/// Calls `callback(userdata)` each time that the source is enabled, from the loop; it is made disabled.
Source addDeferred(sd_event* event, sd_event_handler_t callback, void* userdata);

/// Waits `delay`.
async::Task<void> sleepFor(sd_event* event, Microseconds delay);

/// Waits until epoll reports one of `events` on `fd`: true; or until `delay` has passed: false.
async::Task<bool> waitFor(sd_event* event, int fd, std::uint32_t events, Microseconds delay);

/// Waits until `news` is broadcast, or until `delay` has passed.
async::Task<void> waitFor(sd_event* event, async::Broadcast& news, Microseconds delay);

} // namespace scopewright::bus
