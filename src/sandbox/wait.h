// SPDX-License-Identifier: LGPL-2.1-or-later
// Waiting for the kernel and for each other, never for ever.
#pragma once

#include "async/completion.h"
#include "async/task.h"
#include "bus/loop.h"
#include "cgroup/group.h"

#include <chrono>
#include <string>
#include <string_view>

namespace scopewright::sandbox {

/// The kernel tells of two changes of a group's cgroup.events this far apart at the least.
inline constexpr std::chrono::milliseconds kBetweenEvents{10};

class Deadline {
public:
    explicit Deadline(bus::Microseconds patience) : end_(std::chrono::steady_clock::now() + patience) {}

    bus::Microseconds left() const;
    bool over() const { return left() <= bus::Microseconds(0); }

    /// Waits until there are news; Timeout with `what` if the time is up.
    async::Task<void> change(sd_event* event, async::Broadcast& news, std::string what) const;

private:
    std::chrono::steady_clock::time_point end_;
};

/// Waits until a key of the group's cgroup.events ("populated", "frozen") has the value. False if it still has not when
/// the time is up. A group that is gone is neither populated nor frozen.
async::Task<bool> settledAt(sd_event* event, const cgroup::Group& group, std::string_view key, bool value,
                            Deadline deadline);

/// Waits until nothing lives in the group or below it.
async::Task<bool> emptied(sd_event* event, const cgroup::Group& group, bus::Microseconds patience);

} // namespace scopewright::sandbox
