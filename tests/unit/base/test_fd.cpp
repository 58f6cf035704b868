// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/fd.h"

#include "catch.h"

#include <fcntl.h>

#include <utility>

using namespace scopewright;

namespace {

int openOne() {
    return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

bool isOpen(int fd) {
    return ::fcntl(fd, F_GETFD) >= 0;
}

} // namespace

TEST_CASE("a descriptor is closed by its last owner and by nobody before") {
    int number = -1;
    {
        UniqueFd first(openOne());
        number = first.value();
        REQUIRE(first);
        UniqueFd second(std::move(first));
        CHECK_FALSE(first);
        CHECK(second.value() == number);
        UniqueFd third;
        CHECK_FALSE(third);
        third = std::move(second);
        CHECK(third.value() == number);
        CHECK(isOpen(number));
    }
    CHECK_FALSE(isOpen(number));
}

TEST_CASE("assigning over a descriptor closes the former one in the end") {
    int before = -1;
    int after = -1;
    {
        UniqueFd owner(openOne());
        before = owner.value();
        owner = UniqueFd(openOne());
        after = owner.value();
        CHECK(isOpen(after));
        CHECK_FALSE(isOpen(before));
    }
    CHECK_FALSE(isOpen(after));
}

TEST_CASE("0 is a descriptor like any other") {
    UniqueFd nothing;
    CHECK(nothing.value() == -1);
    const int copy = ::fcntl(0, F_DUPFD_CLOEXEC, 3);
    UniqueFd zero(0);
    CHECK(zero);
    zero = UniqueFd();
    if (copy >= 0) {
        ::dup2(copy, 0);
        ::close(copy);
    }
}
