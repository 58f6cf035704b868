// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sandbox/wait.h"

#include "base/error.h"
#include "sandbox/sandbox.h"

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <vector>

namespace scopewright::sandbox {

bus::Microseconds Deadline::left() const {
    const auto rest = std::chrono::duration_cast<bus::Microseconds>(end_ - std::chrono::steady_clock::now());
    return std::max(rest, bus::Microseconds(0));
}

async::Task<void> Deadline::change(sd_event* event, async::Broadcast& news, std::string what) const {
    if (over()) throw Error(ErrorCode::Timeout, what);
    co_await bus::waitFor(event, news, left());
}

namespace {

/// The kernel tells of changes in cgroup.events some time apart, but of a process's end at once. Of a few in the group,
/// and in the payload if it is a scope, that is waited for.
async::Task<void> seeOut(sd_event* event, const cgroup::Group& group) {
    constexpr std::size_t kMost = 16;
    std::vector<UniqueFd> leaving;
    const auto watch = [&leaving](const cgroup::Group& from) {
        for (pid_t pid : from.processes())
            if (pid > 0 && leaving.size() < kMost)
                leaving.emplace_back(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    };
    try {
        watch(group);
        if (const std::optional<cgroup::Group> payload = group.child(kPayload)) watch(*payload);
    } catch (const Error&) {
        // A threaded group has no list of processes.
    }
    const Deadline deadline(kBetweenEvents);
    for (const UniqueFd& process : leaving)
        if (process) co_await bus::waitFor(event, process.value(), EPOLLIN, deadline.left());
}

} // namespace

async::Task<bool> emptied(sd_event* event, const cgroup::Group& group, bus::Microseconds patience) {
    const Deadline deadline(patience);
    if (group.populated().value_or(false)) co_await seeOut(event, group);
    const bool empty = co_await settledAt(event, group, "populated", false, deadline);
    co_return empty;
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
