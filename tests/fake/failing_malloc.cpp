// SPDX-License-Identifier: LGPL-2.1-or-later
// For LD_PRELOAD: as long as the file $SCOPEWRIGHT_TEST_FAIL_WHILE exists, each $SCOPEWRIGHT_TEST_FAIL_EVERY-th
// allocation of the program fails.
#include <dlfcn.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>

namespace {

using Malloc = void* (*)(std::size_t);

std::atomic<unsigned long> calls{0};

bool fails() {
    static const char* const file = std::getenv("SCOPEWRIGHT_TEST_FAIL_WHILE");
    static const char* const every = std::getenv("SCOPEWRIGHT_TEST_FAIL_EVERY");
    const int before = errno;
    const bool armed = file && every && ::syscall(SYS_faccessat, -100, file, F_OK) == 0;
    errno = before;
    return armed && ++calls % std::strtoul(every, nullptr, 10) == 0;
}

} // namespace

extern "C" void* malloc(std::size_t size) noexcept {
    static const Malloc next = reinterpret_cast<Malloc>(::dlsym(RTLD_NEXT, "malloc"));
    if (!fails()) return next(size);
    errno = ENOMEM;
    return nullptr;
}
