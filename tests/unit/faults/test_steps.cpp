// SPDX-License-Identifier: LGPL-2.1-or-later
// A daemon that dies between two steps of what it does to groups: each state in between is built, and the next daemon
// has to bring it to an end.
#include "cgroup/group.h"
#include "faults.h"
#include "sandbox/bench.h"
#include "state/marks.h"

using namespace scopewright;
using namespace scopewright::unit;
using namespace std::chrono_literals;

namespace {

cgroup::Group opened(Bench& bench, const std::string& controlGroup) {
    std::optional<cgroup::Group> group = cgroup::Group::openRoot(bench.tree().mountPoint()).open(controlGroup);
    REQUIRE(group);
    return std::move(*group);
}

Properties one(const char* key, std::int64_t value) {
    return Properties(1, Property{key, value});
}

/// The only one that there is in the whole description.
std::string limitOf(Bench& bench) {
    const std::string text = bench.describe();
    const std::size_t at = text.find("\"pids.limit\":");
    return at == std::string::npos ? "" : text.substr(at + 13, text.find_first_of(",}", at) - at - 13);
}

} // namespace

TEST_CASE("what is left of a group that was half made or half removed is gone after the next start",
          "[fault-4][fault-6]") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    const std::string scope = bench.scopeOf("web");
    for (const char* name : {"kept", "going"})
        REQUIRE(bench.answer(bench.createCompat("web", name))->text == "");
    bench.crash();
    // mkdir without a mark, and a removal that has come to its first step.
    bench.tree().make(scope + "/made");
    state::removeMark(opened(bench, scope + "/going").boundaryFile().value());
    // Somebody has put a process where no group is: that is theirs.
    Child& stranger = bench.child();
    bench.tree().make(scope + "/lived-in");
    REQUIRE(bench.tree().move(scope + "/lived-in", stranger.pid()));
    bench.restart();
    CHECK(bench.groups("web") == Lines{"kept compat", "payload payload"});
    CHECK_FALSE(bench.tree().exists(scope + "/made"));
    CHECK_FALSE(bench.tree().exists(scope + "/going"));
    CHECK(bench.tree().exists(scope + "/kept"));
    CHECK(stranger.alive());
    CHECK(stranger.controlGroup() == scope + "/lived-in");
    for (const char* name : {"made", "going"})
        CHECK(bench.answer(bench.createCompat("web", name))->text == "");
}

TEST_CASE("a daemon killed at any moment of an update leaves the old values or brings the new ones", "[fault-5]") {
    NEEDS_CGROUPS();
    std::size_t finished = 0;
    int before = 0;
    int after = 0;
    for (int turns = 0; turns < 60 && finished < 3; ++turns) {
        CAPTURE(turns);
        Bench bench;
        Child& child = bench.child();
        REQUIRE(bench.answer(bench.create("web", with(pids(child), "pids.limit", std::int64_t(50))))->text == "");
        Pending call = bench.manager(Bench::kRoot, "UpdateSandbox", "web", one("pids.limit", 60));
        for (int i = 0; i < turns && !call->done; ++i)
            bus::check(sd_event_run(bench.event(), 1000), "run");
        finished += call->done;
        bench.crash();
        bench.restart();
        REQUIRE(bench.until([&] { return bench.service().idle(); }));
        const std::string now = limitOf(bench);
        fake::Unit* unit = bench.systemd.find(bench.unitOf("web"));
        REQUIRE(unit);
        // What clients are told and what PID 1 enforces is one.
        CHECK(unit->text("TasksMax") == now);
        CHECK((now == "50" || now == "60"));
        ++(now == "50" ? before : after);
        CHECK(child.alive());
        CHECK(bench.answer(bench.manager(Bench::kRoot, "UpdateSandbox", "web", one("pids.limit", 60)))->text == "");
        CHECK(limitOf(bench) == "60");
    }
    CHECK(finished == 3);
    CHECK(before > 0);
    CHECK(after > 3);
}

TEST_CASE("each single refusal of the kernel makes an update whole or leaves the old values",
          "[fault-5][fault-50][attack-63]") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    REQUIRE(bench.answer(bench.createCompat("web", "c1", one("pids.limit", 10)))->text == "");
    int struck = 0;
    std::int64_t limit = 10;
    const std::vector<std::pair<const char*, const char*>> calls{{"fsetxattr", "/c1/cgroup.max.depth"},
                                                                 {"openat2", "/c1"},
                                                                 {"openat", "/c1/cgroup.controllers"},
                                                                 {"read", "/c1/cgroup.controllers"}};
    for (const auto& [function, name] : calls)
        for (const int error : {EIO, ENOSPC, EMFILE, ENOMEM})
            for (int from = 1;; ++from) {
                CAPTURE(function, name, error, from);
                Pending call;
                int failed = 0;
                {
                    const fake::Fault fault(function, name, error, 1, from);
                    call = bench.answer(
                        bench.manager(Bench::kRoot, "UpdateGroup", "web", "c1", one("pids.limit", limit + 1)));
                    failed = fault.failed();
                }
                struck += failed;
                const std::string now = limitOf(bench);
                if (call->error.empty()) ++limit;
                CHECK(now == std::to_string(limit));
                bench.restart();
                REQUIRE(bench.until([&] { return bench.service().idle(); }));
                CHECK(limitOf(bench) == std::to_string(limit));
                if (failed == 0) break;
            }
    CHECK(struck >= 10);
}
