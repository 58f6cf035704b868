// SPDX-License-Identifier: LGPL-2.1-or-later
// The functions below have the C library's names and come first when the program is linked. They pass on through
// syscall(2), which is itself one of them, so that one is looked up.
#include "faults.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstring>
#include <utility>

namespace scopewright::fake {

namespace {

thread_local Fault* first = nullptr;
thread_local bool looking = false;

using Syscall = long (*)(long, ...);

Syscall real() {
    static const Syscall found = reinterpret_cast<Syscall>(::dlsym(RTLD_NEXT, "syscall"));
    return found;
}

/// The file behind a descriptor, or a name below it.
std::string pathOf(int directory, const char* name) {
    std::string path;
    if (name && *name == '/') return name;
    if (directory >= 0) {
        const std::string link = "/proc/self/fd/" + std::to_string(directory);
        std::array<char, 4096> target;
        const ssize_t size = ::readlink(link.c_str(), target.data(), target.size());
        if (size > 0) path.assign(target.data(), static_cast<std::size_t>(size));
    }
    return name ? path + "/" + name : path;
}

} // namespace

Fault::Fault(std::string function, std::string name, int error, int times, int from)
    : function_(std::move(function)),
      name_(std::move(name)),
      error_(error),
      times_(times),
      from_(from),
      next_(std::exchange(first, this)) {}

Fault::~Fault() {
    for (Fault** at = &first; *at; at = &(*at)->next_)
        if (*at == this) {
            *at = next_;
            return;
        }
}

bool Fault::any() noexcept {
    return first && !looking;
}

bool Fault::matches(const char* function, const std::string& path) const {
    return function_ == function && path.size() >= name_.size() &&
           path.compare(path.size() - name_.size(), name_.size(), name_) == 0;
}

int Fault::hit(const char* function, int directory, const char* name) {
    // What is called in here is not under test.
    looking = true;
    const std::string path = pathOf(directory, name);
    int error = kNothing;
    for (Fault* fault = first; fault; fault = fault->next_) {
        if (!fault->matches(function, path)) continue;
        if (fault->before) fault->before(directory);
        const int call = ++fault->calls_;
        if (fault->error_ == kNothing || call < fault->from_ || call - fault->from_ >= fault->times_) continue;
        ++fault->failed_;
        error = fault->error_;
    }
    looking = false;
    return error;
}

namespace {

/// True if the call is over, with errno set.
bool fails(const char* function, int directory, const char* name) {
    if (!Fault::any()) return false;
    const int before = errno;
    const int error = Fault::hit(function, directory, name);
    errno = error > 0 ? error : before;
    return error > 0;
}

template <class Bytes>
ssize_t transfer(const char* function, long number, int fd, Bytes bytes, std::size_t size, off_t at) {
    if (Fault::any()) {
        const int before = errno;
        const int error = Fault::hit(function, fd, nullptr);
        errno = error > 0 ? error : before;
        if (error > 0) return -1;
        if (error == Fault::kLost) return static_cast<ssize_t>(size);
        if (error == Fault::kShort && size > 1) {
            if (number == SYS_write) return 1;
            size = 1;
        }
    }
    return real()(number, fd, bytes, size, at);
}

} // namespace

} // namespace scopewright::fake

using scopewright::fake::fails;
using scopewright::fake::real;
using scopewright::fake::transfer;

extern "C" {

long syscall(long number, ...) noexcept {
    std::va_list list;
    va_start(list, number);
    std::array<long, 6> argument;
    for (long& one : argument)
        one = va_arg(list, long);
    va_end(list);
    const char* name = reinterpret_cast<const char*>(argument[1]); // NOLINT(performance-no-int-to-ptr)
    if (number == SYS_openat2 && fails("openat2", static_cast<int>(argument[0]), name)) return -1;
    if (number == SYS_pidfd_open && fails("pidfd_open", -1, nullptr)) return -1;
    return real()(number, argument[0], argument[1], argument[2], argument[3], argument[4], argument[5]);
}

int openat64(int directory, const char* name, int flags, ...) {
    mode_t mode = 0;
    if ((flags & (O_CREAT | O_TMPFILE)) != 0) {
        std::va_list list;
        va_start(list, flags);
        mode = va_arg(list, mode_t);
        va_end(list);
    }
    if (fails("openat", directory, name)) return -1;
    return static_cast<int>(real()(SYS_openat, directory, name, flags | O_LARGEFILE, mode));
}

int unlinkat(int directory, const char* name, int flags) noexcept {
    if (fails("unlinkat", directory, name)) return -1;
    return static_cast<int>(real()(SYS_unlinkat, directory, name, flags));
}

int mkdirat(int directory, const char* name, mode_t mode) noexcept {
    if (fails("mkdirat", directory, name)) return -1;
    return static_cast<int>(real()(SYS_mkdirat, directory, name, mode));
}

ssize_t write(int fd, const void* bytes, std::size_t size) {
    return transfer("write", SYS_write, fd, bytes, size, 0);
}

ssize_t read(int fd, void* bytes, std::size_t size) {
    return transfer("read", SYS_read, fd, bytes, size, 0);
}

ssize_t pread64(int fd, void* bytes, std::size_t size, off64_t at) {
    return transfer("pread", SYS_pread64, fd, bytes, size, at);
}

int fsetxattr(int fd, const char* attribute, const void* value, std::size_t size, int flags) noexcept {
    if (fails("fsetxattr", fd, nullptr)) return -1;
    return static_cast<int>(real()(SYS_fsetxattr, fd, attribute, value, size, flags));
}

ssize_t fgetxattr(int fd, const char* attribute, void* value, std::size_t size) noexcept {
    if (fails("fgetxattr", fd, nullptr)) return -1;
    return real()(SYS_fgetxattr, fd, attribute, value, size);
}

int fremovexattr(int fd, const char* attribute) noexcept {
    if (fails("fremovexattr", fd, nullptr)) return -1;
    return static_cast<int>(real()(SYS_fremovexattr, fd, attribute));
}

int fchown(int fd, uid_t uid, gid_t gid) noexcept {
    if (fails("fchown", fd, nullptr)) return -1;
    return static_cast<int>(real()(SYS_fchown, fd, uid, gid));
}

int fchownat(int directory, const char* name, uid_t uid, gid_t gid, int flags) noexcept {
    if (fails("fchownat", directory, name)) return -1;
    return static_cast<int>(real()(SYS_fchownat, directory, name, uid, gid, flags));
}

DIR* fdopendir(int fd) {
    using Function = DIR* (*)(int);
    static const Function next = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, "fdopendir"));
    return fails("fdopendir", fd, nullptr) ? nullptr : next(fd);
}

int inotify_add_watch(int fd, const char* path, std::uint32_t mask) noexcept {
    if (fails("inotify_add_watch", -1, nullptr)) return -1;
    return static_cast<int>(real()(SYS_inotify_add_watch, fd, path, mask));
}

} // extern "C"
