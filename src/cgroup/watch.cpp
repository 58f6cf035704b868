// SPDX-License-Identifier: LGPL-2.1-or-later
// The other side: inotify sees the write(2) calls of other processes on a file of cgroupfs, whether or not they change
// the value. Of what the kernel changes by itself it shows those files that can be polled, up to a hundred times a
// second. A directory's end it shows to who watches the one above it, as soon as rmdir(2) has done its work; to who
// watches the directory itself only once nobody has it open any more.
#include "cgroup/watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <cstring>
#include <string_view>

namespace scopewright::cgroup {

namespace {

bool isKernels(std::string_view file) {
    return file.find(".events") != std::string_view::npos || file.ends_with(".pressure");
}

} // namespace

Watch::Watch(For what) noexcept : what_(what), inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {}

int Watch::add(const Group& group) const noexcept {
    // There is no inotify_add_watch() for a descriptor.
    const std::string path = "/proc/self/fd/" + std::to_string(group.fd());
    return ::inotify_add_watch(fd(), path.c_str(), (what_ == For::Writes ? IN_MODIFY : IN_DELETE) | IN_ONLYDIR);
}

void Watch::remove(int number) const noexcept {
    if (number >= 0) ::inotify_rm_watch(fd(), number);
}

std::set<std::pair<int, std::string>> Watch::take() const {
    std::set<std::pair<int, std::string>> events;
    alignas(inotify_event) char buffer[16 * 1024];
    for (;;) {
        const ssize_t size = ::read(fd(), buffer, sizeof buffer);
        if (size <= 0) return events;
        for (const char* at = buffer; at < buffer + size;) {
            inotify_event event;
            std::memcpy(&event, at, sizeof event);
            const std::string_view file = event.len > 0 ? at + sizeof event : "";
            if (event.mask & IN_Q_OVERFLOW) events.emplace(kAll, "");
            if ((event.mask & IN_MODIFY) && !isKernels(file)) events.emplace(event.wd, "");
            if ((event.mask & IN_DELETE) && (event.mask & IN_ISDIR)) events.emplace(event.wd, file.data());
            at += sizeof event + event.len;
        }
    }
}

} // namespace scopewright::cgroup
