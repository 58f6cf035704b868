// SPDX-License-Identifier: LGPL-2.1-or-later
// More sandboxes than any host has, at the start of a daemon.
#include "cgroup/group.h"
#include "sandbox/bench.h"
#include "state/marks.h"

#include <sys/resource.h>

#include <chrono>
#include <ctime>

using namespace scopewright;
using namespace scopewright::unit;
using namespace std::chrono_literals;

namespace {

// A fork of a program with this sanitizer takes so long that a thousand would take minutes.
#if defined(__SANITIZE_ADDRESS__)
constexpr int kMost = 240;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr int kMost = 240;
#else
constexpr int kMost = 1000;
#endif
#else
constexpr int kMost = 1000;
#endif

std::string described(const std::string& id) {
    return state::describe("Sandbox " + id,
                           state::Record{id, 0, sandbox::defaultUnit(sandbox::Key{0, id}), "", "0123456789abcdef"});
}

/// What it costs until a daemon that finds so many sandboxes has answered its first call; PID 1's part is in it.
std::chrono::microseconds costOfStart(int count) {
    Bench bench;
    bench.crash();
    const cgroup::Group root = cgroup::Group::openRoot(bench.tree().mountPoint());
    for (int i = 0; i < count; ++i) {
        const std::string id = "n" + std::to_string(i);
        Child& child = bench.child();
        bench.systemd.addUnit(bench.unitOf(id), described(id), "active", {child.pid()});
        const std::string payload = bench.scopeOf(id) + "/payload";
        bench.tree().make(payload);
        REQUIRE(bench.tree().move(payload, child.pid()));
        state::setMark(root.open(payload)->boundaryFile().value(), state::Mark{"payload", "payload", "", {}});
    }
    const std::clock_t begun = std::clock();
    bench.restart();
    CHECK(bench.answer(bench.manager(Bench::kRoot, "GetSandbox", "n0"))->text == "");
    const std::clock_t taken = std::clock() - begun;
    CHECK(bench.list().size() == static_cast<std::size_t>(count));
    return std::chrono::microseconds(taken * 1000000 / CLOCKS_PER_SEC);
}

} // namespace

TEST_CASE("a start costs as much as there are sandboxes, and no more", "[fault-60]") {
    NEEDS_CGROUPS();
    // Here each process, each unit and each watch has a descriptor, and the daemon is in the same process.
    rlimit descriptors{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &descriptors) == 0);
    if (descriptors.rlim_max < 4 * kMost) SKIP_TEST("too few descriptors may be opened here");
    const rlimit before = descriptors;
    descriptors.rlim_cur = descriptors.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &descriptors);
    const std::chrono::microseconds few = costOfStart(kMost / 4);
    const std::chrono::microseconds many = costOfStart(kMost);
    ::setrlimit(RLIMIT_NOFILE, &before);
    CAPTURE(few.count(), many.count());
    // Four times as many; were each compared with each, it would be sixteen times as much.
    CHECK(many < 12 * few);
}
