// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bus/loop.h"

#include "base/fd.h"
#include "catch.h"
#include "link.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>

using namespace scopewright;
using namespace std::chrono_literals;
using scopewright::fake::Link;
using Clock = std::chrono::steady_clock;

namespace {

async::Task<void> sleepAndNote(sd_event* event, bus::Microseconds delay, int number, std::vector<int>& order) {
    co_await bus::sleepFor(event, delay);
    order.push_back(number);
}

} // namespace

TEST_CASE("a sleep lasts as long as it should, and others go on meanwhile") {
    Link link;
    std::vector<int> order;
    async::Scope scope(Link::unexpected);
    const Clock::time_point begin = Clock::now();
    scope.spawn(sleepAndNote(link.event(), 30ms, 2, order));
    scope.spawn(sleepAndNote(link.event(), 5ms, 1, order));
    scope.spawn(sleepAndNote(link.event(), 0ms, 0, order));
    REQUIRE(link.until([&] { return order.size() == 3; }));
    CHECK(order == std::vector<int>{0, 1, 2});
    CHECK(Clock::now() - begin >= 30ms);
}

TEST_CASE("a sleep that is destroyed never wakes anyone") {
    Link link;
    std::vector<int> order;
    {
        async::Scope scope(Link::unexpected);
        scope.spawn(sleepAndNote(link.event(), 1ms, 1, order));
    }
    link.pass(10ms);
    CHECK(order.empty());
}

TEST_CASE("waiting for a descriptor tells readiness from lateness") {
    Link link;
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    UniqueFd out(ends[0]);
    UniqueFd in(ends[1]);
    CHECK_FALSE(link.await(bus::waitFor(link.event(), out.value(), EPOLLIN, 10ms)));
    REQUIRE(::write(in.value(), "x", 1) == 1);
    CHECK(link.await(bus::waitFor(link.event(), out.value(), EPOLLIN, 10s)));
    CHECK(link.await(bus::waitFor(link.event(), in.value(), EPOLLOUT, 10s)));
}

TEST_CASE("a descriptor whose far end is closed counts as ready") {
    Link link;
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    UniqueFd out(ends[0]);
    {
        UniqueFd in(ends[1]);
        CHECK_FALSE(link.await(bus::waitFor(link.event(), out.value(), EPOLLIN, 1ms)));
    }
    // The far end is closed: EPOLLHUP is reported whatever was asked for.
    CHECK(link.await(bus::waitFor(link.event(), out.value(), EPOLLIN, 10s)));
}
