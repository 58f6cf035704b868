// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sandbox/wait.h"

#include "base/error.h"

#include <sys/epoll.h>

#include <algorithm>

namespace scopewright::sandbox {

bus::Microseconds Deadline::left() const {
    const auto rest = std::chrono::duration_cast<bus::Microseconds>(end_ - std::chrono::steady_clock::now());
    return std::max(rest, bus::Microseconds(0));
}

async::Task<void> Deadline::change(sd_event* event, async::Broadcast& news, std::string what) const {
    if (over()) throw Error(ErrorCode::Timeout, what);
    co_await bus::waitFor(event, news, left());
}

async::Task<bool> settledAt(sd_event* event, const cgroup::Group& group, std::string_view key, bool value,
                            Deadline deadline) {
    for (;;) {
        // The file also tells of other changes, and only of those after it was read.
        UniqueFd events = group.events();
        if (!events || group.event(key).value_or(false) == value) co_return true;
        if (deadline.over()) co_return false;
        co_await bus::waitFor(event, events.value(), EPOLLPRI, deadline.left());
    }
}

} // namespace scopewright::sandbox
