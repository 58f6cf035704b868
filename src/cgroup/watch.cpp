// SPDX-License-Identifier: LGPL-2.1-or-later
// The other side: inotify sees the write(2) calls of other processes on a file of cgroupfs, whether or not they change
// the value; what the kernel changes by itself it does not show there.
#include "cgroup/watch.h"

#include "base/error.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace scopewright::cgroup {

Watch::Watch() : inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
    if (!inotify_) throw errnoError("make an inotify descriptor", errno);
}

int Watch::add(const Group& group) const noexcept {
    // There is no inotify_add_watch() for a descriptor.
    const std::string path = "/proc/self/fd/" + std::to_string(group.fd());
    return ::inotify_add_watch(fd(), path.c_str(), IN_MODIFY | IN_ONLYDIR);
}

void Watch::remove(int number) const noexcept {
    if (number >= 0) ::inotify_rm_watch(fd(), number);
}

std::set<int> Watch::take() const {
    std::set<int> numbers;
    alignas(inotify_event) char buffer[16 * 1024];
    for (;;) {
        const ssize_t size = ::read(fd(), buffer, sizeof buffer);
        if (size <= 0) return numbers;
        for (const char* at = buffer; at < buffer + size;) {
            inotify_event event;
            std::memcpy(&event, at, sizeof event);
            if (event.mask & IN_MODIFY) numbers.insert(event.wd);
            at += sizeof event + event.len;
        }
    }
}

} // namespace scopewright::cgroup
