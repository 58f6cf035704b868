// SPDX-License-Identifier: LGPL-2.1-or-later
// Faults that are rare, and that each once cost something: see docs/faults.md.
#include "cgroup/group.h"
#include "faults.h"
#include "sandbox/bench.h"
#include "state/marks.h"

#include <cerrno>
#include <csignal>

using namespace scopewright;
using namespace scopewright::unit;
using namespace std::chrono_literals;
using fake::Fault;

TEST_CASE("a group whose mark cannot be read for want of a descriptor is not taken for a leftover", "[fault-49]") {
    NEEDS_CGROUPS();
    for (const int error : {EMFILE, ENFILE, ENOMEM, EIO}) {
        CAPTURE(error);
        Bench bench;
        bench.sandbox("web");
        REQUIRE(bench.answer(bench.createCompat("web", "c1"))->text == "");
        bench.crash();
        {
            const Fault fault("openat", "/c1/cgroup.max.depth", error, 1);
            bench.restart();
            REQUIRE(bench.until([&] { return bench.service().idle(); }));
            CHECK(fault.failed() == 1);
        }
        CHECK(bench.tree().exists(bench.scopeOf("web") + "/c1"));
        bench.restart();
        CHECK(bench.groups("web") == Lines{"c1 compat", "payload payload"});
    }
}

TEST_CASE("a payload whose mark cannot be read for want of a descriptor keeps its resources", "[fault-49]") {
    NEEDS_CGROUPS();
    for (const char* function : {"openat", "fgetxattr"}) {
        CAPTURE(function);
        Bench bench;
        bench.sandbox("web");
        REQUIRE(bench
                    .answer(bench.manager(Bench::kRoot, "UpdateSandbox", "web",
                                          Properties(1, Property{"pids.limit", std::int64_t(60)})))
                    ->text == "");
        const std::string before = bench.describe();
        REQUIRE(before.find("60") != std::string::npos);
        bench.crash();
        {
            const Fault fault(function, "/payload/cgroup.max.depth",
                              std::string(function) == "openat" ? EMFILE : ENOMEM, 1);
            bench.restart();
            REQUIRE(bench.until([&] { return bench.service().idle(); }));
            CHECK(fault.failed() == 1);
        }
        CHECK(bench.describe() == before);
    }
}

TEST_CASE("a mark that cannot be set for want of a descriptor is LimitsExceeded", "[fault-49]") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    const Fault fault("openat", "/c1/cgroup.max.depth", EMFILE);
    CHECK(bench.answer(bench.createCompat("web", "c1"))->error == fd("LimitsExceeded"));
}

TEST_CASE("a compat group that cannot be opened after it was made leaves no directory", "[fault-49]") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    const Fault fault("openat2", "/c1", EMFILE, 1);
    REQUIRE(bench.answer(bench.createCompat("web", "c1"))->error == fd("LimitsExceeded"));
    CHECK_FALSE(bench.tree().exists(bench.scopeOf("web") + "/c1"));
}

TEST_CASE("an update of a group whose intent cannot be cleared is told as what it is", "[fault-50]") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    const auto limit = [](std::int64_t number) { return Properties(1, Property{"pids.limit", number}); };
    REQUIRE(bench.answer(bench.createCompat("web", "c1", limit(10)))->text == "");
    bool ok = false;
    {
        const Fault fault("fremovexattr", "/c1/cgroup.max.depth", ENOMEM, 1);
        ok = bench.answer(bench.manager(Bench::kRoot, "UpdateGroup", "web", "c1", limit(20)))->error.empty();
        REQUIRE(fault.failed() == 1);
    }
    CHECK((bench.describe().find("\"pids.limit\":20") != std::string::npos) == ok);
    bench.restart();
    CHECK((bench.describe().find("\"pids.limit\":20") != std::string::npos) == ok);
}

TEST_CASE("a scope that PID 1 takes for empty just after its start is started once more", "[fault-39]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    CHECK(bench.answer(bench.create("a-deadonce", pids(child)))->text == "");
    CHECK(child.controlGroup() == bench.scopeOf("a-deadonce") + "/payload");
}

TEST_CASE("on a kernel without cgroup.kill and without a freezer PID 1 does the killing", "[fault-42][fault-43]") {
    NEEDS_CGROUPS();
    for (const char* method : {"StopSandbox", "KillSandbox"}) {
        CAPTURE(method);
        Bench bench;
        Child& child = bench.sandbox("web");
        const Fault kill("openat", "/cgroup.kill", ENOENT);
        const Fault freeze("openat", "/cgroup.freeze", ENOENT);
        CHECK(bench.answer(bench.end(method, "web"))->text == "");
        CHECK(bench.until([&] { return !child.alive(); }, 2s));
    }
}

TEST_CASE("marks in directories that a unit left behind belong to no sandbox of that name", "[fault-58]") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.crash();
    const std::string left = bench.scopeOf("web") + "/c1";
    bench.tree().make(left);
    state::setMark(cgroup::Group::openRoot(bench.tree().mountPoint()).open(left)->boundaryFile().value(),
                   state::Mark{"compat", "c1", "", {}});
    bench.restart();
    bench.sandbox("web");
    const Lines before = bench.groups("web");
    CHECK(before == Lines{"payload payload"});
    bench.restart();
    CHECK(bench.groups("web") == before);
}

TEST_CASE("a group that is busy twice is removed at the third attempt", "[fault-41]") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    REQUIRE(bench.answer(bench.createCompat("web", "c1"))->text == "");
    const Fault fault("unlinkat", "/c1", EBUSY, 2);
    CHECK(bench.answer(bench.manager(Bench::kRoot, "RemoveGroup", "web", "c1"))->text == "");
}
