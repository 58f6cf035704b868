// SPDX-License-Identifier: LGPL-2.1-or-later
// Faults of the kernel: the unit-test program stands between the code under test and the C library, and a test says
// which call of which function fails on which file. Only for the thread that says so, and only as long as it wants to.
#pragma once

#include <sys/types.h>

#include <functional>
#include <limits>
#include <string>

namespace scopewright::fake {

class Fault {
public:
    static constexpr int kAlways = std::numeric_limits<int>::max();
    /// In place of an errno: a read gives the first byte only, and a write says that it has taken no more. The file
    /// gets nothing: the beginning of a value is another value, and that of a process's number may be PID 1.
    static constexpr int kShort = -1;
    /// In place of an errno: a write says that it has taken everything, and the file gets nothing.
    static constexpr int kLost = -2;
    /// In place of an errno: the call is let through; for looking on.
    static constexpr int kNothing = 0;

    /// The calls number `from` to `from + times - 1` of `function` on a file whose path ends with `name` fail with
    /// `error`. Functions: openat, openat2, unlinkat, mkdirat, read, pread, write, fsetxattr, fgetxattr, fremovexattr,
    /// fchown, fchownat, fdopendir, pidfd_open and inotify_add_watch (both of any name).
    Fault(std::string function, std::string name, int error, int times = kAlways, int from = 1);
    Fault(Fault&&) = delete;
    ~Fault();

    /// Done before each of these calls, with the call's descriptor or -1.
    std::function<void(int fd)> before;

    int calls() const noexcept { return calls_; }   ///< of that function on such a file
    int failed() const noexcept { return failed_; } ///< those that were made to fail

    /// The errno for a call that is to fail, kShort, kLost, or kNothing. For the functions themselves.
    static int hit(const char* function, int directory, const char* name);
    static bool any() noexcept;

private:
    bool matches(const char* function, const std::string& path) const;

    std::string function_;
    std::string name_;
    int error_;
    int times_;
    int from_;
    int calls_ = 0;
    int failed_ = 0;
    Fault* next_;
};

} // namespace scopewright::fake
