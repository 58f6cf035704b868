// SPDX-License-Identifier: LGPL-2.1-or-later
#include "crash/call.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace scopewright::integration {

namespace {

struct Known {
    long number;
    const char* name;
    int descriptor; ///< which of the arguments it is; -1: none
    int text;       ///< the same for a path, or for what is written
};

// clang-format off
constexpr std::array kKnown{
    Known{SYS_bpf, "bpf", -1, -1},              Known{SYS_close, "close", 0, -1},
    Known{SYS_epoll_ctl, "epoll_ctl", 2, -1},   Known{SYS_epoll_pwait, "epoll_pwait", -1, -1},
    Known{SYS_fchown, "fchown", 0, -1},         Known{SYS_fchownat, "fchownat", 0, 1},
    Known{SYS_fgetxattr, "fgetxattr", 0, 1},    Known{SYS_fremovexattr, "fremovexattr", 0, 1},
    Known{SYS_fsetxattr, "fsetxattr", 0, 1},    Known{SYS_fstat, "fstat", 0, -1},
    Known{SYS_getdents64, "getdents64", 0, -1}, Known{SYS_inotify_add_watch, "inotify_add_watch", -1, 1},
    Known{SYS_mkdirat, "mkdirat", 0, 1},        Known{SYS_mmap, "mmap", -1, -1},
    Known{SYS_newfstatat, "newfstatat", 0, 1},  Known{SYS_openat, "openat", 0, 1},
    Known{SYS_openat2, "openat2", 0, 1},        Known{SYS_pidfd_open, "pidfd_open", -1, -1},
    Known{SYS_ppoll, "ppoll", -1, -1},          Known{SYS_pread64, "pread64", 0, -1},
    Known{SYS_read, "read", 0, -1},             Known{SYS_recvmsg, "recvmsg", 0, -1},
    Known{SYS_sendmsg, "sendmsg", 0, -1},       Known{SYS_timerfd_settime, "timerfd_settime", 0, -1},
    Known{SYS_unlinkat, "unlinkat", 0, 1},      Known{SYS_write, "write", 0, 1},
    Known{SYS_writev, "writev", 0, -1},
#ifdef SYS_epoll_wait
    Known{SYS_epoll_wait, "epoll_wait", -1, -1},
#endif
};
// clang-format on

std::string textAt(pid_t thread, std::uint64_t address, std::uint64_t length) {
    std::array<char, 65> text{};
    iovec here{text.data(), std::min<std::size_t>(length, text.size() - 1)};
    iovec there{reinterpret_cast<void*>(address), here.iov_len};
    // What is asked for may reach over the end of the page, and then nothing is read but what is on it.
    if (::process_vm_readv(thread, &here, 1, &there, 1, 0) < 0) {
        there.iov_len = here.iov_len = 4096 - address % 4096;
        if (there.iov_len >= text.size() || ::process_vm_readv(thread, &here, 1, &there, 1, 0) < 0) return "?";
    }
    std::string shown = text.data();
    for (char& c : shown)
        if (c < ' ' || c > '~') c = ' ';
    return shown;
}

std::string fileOf(pid_t thread, std::uint64_t descriptor) {
    const int number = static_cast<int>(descriptor);
    if (number == AT_FDCWD) return "the working directory";
    std::array<char, 512> path{};
    const std::string link = "/proc/" + std::to_string(thread) + "/fd/" + std::to_string(number);
    const ssize_t length = ::readlink(link.c_str(), path.data(), path.size());
    return length < 0 ? "descriptor " + std::to_string(number)
                      : std::string(path.data(), static_cast<std::size_t>(length));
}

} // namespace

std::string describeCall(pid_t thread, long call, const std::uint64_t (&arguments)[6]) {
    for (const Known& known : kKnown) {
        if (known.number != call) continue;
        std::string text = known.name;
        // A path ends by itself.
        const std::uint64_t length = call == SYS_write ? arguments[2] : UINT64_MAX;
        if (known.text >= 0) text += " '" + textAt(thread, arguments[known.text], length) + "'";
        if (known.descriptor >= 0) text += " at " + fileOf(thread, arguments[known.descriptor]);
        return text;
    }
    return "call number " + std::to_string(call);
}

} // namespace scopewright::integration
