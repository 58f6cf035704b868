// SPDX-License-Identifier: LGPL-2.1-or-later
// A fault that does not strike would let every test of it pass.
#include "clock.h"
#include "faults.h"

#include "catch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

using namespace scopewright;
using fake::Fault;

namespace {

struct File {
    File() : fd(::openat(AT_FDCWD, "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)) { REQUIRE(fd >= 0); }
    ~File() { ::close(fd); }
    int fd;
};

int errorOfWrite(int fd) {
    return ::write(fd, "xyz", 3) == 3 ? 0 : errno;
}

} // namespace

TEST_CASE("a fault strikes the calls that it names, those of that file, and no others") {
    const File file;
    const Fault fault("write", "(deleted)", ENOSPC, 2, 2);
    CHECK(errorOfWrite(file.fd) == 0);
    CHECK(errorOfWrite(file.fd) == ENOSPC);
    CHECK(errorOfWrite(file.fd) == ENOSPC);
    CHECK(errorOfWrite(file.fd) == 0);
    CHECK(fault.calls() == 4);
    CHECK(fault.failed() == 2);
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    CHECK(errorOfWrite(ends[1]) == 0);
    ::close(ends[0]);
    ::close(ends[1]);
    CHECK(fault.calls() == 4);
}

TEST_CASE("a fault ends with its scope, and faults may overlap") {
    const File file;
    {
        const Fault outer("write", "", EIO);
        {
            const Fault inner("write", "", EINTR, 1);
            CHECK(errorOfWrite(file.fd) == EIO);
            CHECK(inner.failed() == 1);
        }
        CHECK(errorOfWrite(file.fd) == EIO);
    }
    CHECK(errorOfWrite(file.fd) == 0);
}

TEST_CASE("a short write says that it took one byte and writes none, a short read gives one") {
    const File file;
    {
        const Fault fault("write", "", Fault::kShort, 1);
        CHECK(::write(file.fd, "xyz", 3) == 1);
    }
    {
        const Fault fault("write", "", Fault::kLost, 1);
        CHECK(::write(file.fd, "xyz", 3) == 3);
        CHECK(::lseek(file.fd, 0, SEEK_END) == 0);
    }
    REQUIRE(errorOfWrite(file.fd) == 0);
    REQUIRE(::lseek(file.fd, 0, SEEK_SET) == 0);
    const Fault fault("read", "", Fault::kShort, 1);
    char text[8];
    CHECK(::read(file.fd, text, sizeof text) == 1);
    CHECK(::read(file.fd, text, sizeof text) == 2);
}

TEST_CASE("what is done before a call knows its descriptor, and names of directories count") {
    Fault fault("openat", "/tmp/no-such-file", Fault::kNothing);
    int seen = 0;
    fault.before = [&](int fd) { seen = fd; };
    const int directory = ::openat(AT_FDCWD, "/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(directory >= 0);
    CHECK(::openat(directory, "no-such-file", O_RDONLY) < 0);
    CHECK(errno == ENOENT);
    CHECK(seen == directory);
    CHECK(fault.calls() == 1);
    CHECK(fault.failed() == 0);
    ::close(directory);
}

TEST_CASE("another thread has no part in a fault") {
    const File file;
    const Fault fault("write", "", EIO);
    int error = -1;
    std::thread([&] { error = errorOfWrite(file.fd); }).join();
    CHECK(error == 0);
}

TEST_CASE("a clock that jumps takes no other one along, and comes back") {
    const auto wall = std::chrono::system_clock::now();
    const auto steady = std::chrono::steady_clock::now();
    {
        const fake::ClockJump jump(CLOCK_REALTIME, 86400);
        CHECK(std::chrono::system_clock::now() - wall >= std::chrono::hours(23));
        CHECK(std::chrono::steady_clock::now() - steady < std::chrono::hours(1));
    }
    CHECK(std::chrono::system_clock::now() - wall < std::chrono::hours(1));
}
