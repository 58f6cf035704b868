// SPDX-License-Identifier: LGPL-2.1-or-later
// A sandbox whose time stands still.
#include "bench.h"

#include "cgroup/group.h"

using namespace scopewright;
using namespace scopewright::unit;
using namespace std::chrono_literals;

namespace {

Pending freeze(Bench& bench) {
    return bench.manager(Bench::kRoot, "FreezeSandbox", "web");
}
Pending thaw(Bench& bench) {
    return bench.manager(Bench::kRoot, "ThawSandbox", "web");
}

bool frozen(Bench& bench, const std::string& group) {
    return bench.tree().read(bench.scopeOf("web") + "/" + group, "cgroup.events").find("frozen 1") != std::string::npos;
}

void write(Bench& bench, const std::string& controlGroup, const char* attribute, const char* value) {
    cgroup::Group::openRoot(bench.tree().mountPoint()).open(controlGroup)->write(attribute, value);
}

} // namespace

TEST_CASE("a frozen sandbox stands still in all its groups, and runs again when it is thawed") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    bench.makeProcessGroup("web", "more");
    REQUIRE(bench.answer(bench.createCompat("web", "c"))->text == "");
    Child& second = bench.child();
    REQUIRE(bench
                .answer(bench.manager(Bench::kRoot, "AttachProcesses", "web", "more",
                                      std::vector<std::uint32_t>{second.number()}))
                ->text == "");
    CHECK(bench.answer(freeze(bench))->text == "");
    CHECK(frozen(bench, "payload"));
    CHECK(frozen(bench, "more"));
    CHECK(bench.state("web") == "frozen");
    // The scope's own freezer is PID 1's.
    CHECK(bench.tree().read(bench.scopeOf("web"), "cgroup.freeze") == "0\n");
    CHECK(bench.answer(freeze(bench))->text == "");
    CHECK(bench.answer(thaw(bench))->text == "");
    CHECK_FALSE(frozen(bench, "payload"));
    CHECK_FALSE(frozen(bench, "more"));
    CHECK(bench.state("web") == "running");
    CHECK(bench.answer(thaw(bench))->text == "");
    // Through the object.
    CHECK(bench.answer(bench.call(Bench::kRoot, bench.path("web"), Bench::kSandbox, "Freeze"))->text == "");
    CHECK(bench.state("web") == "frozen");
    CHECK(bench.answer(bench.call(Bench::kRoot, bench.path("web"), Bench::kSandbox, "Thaw"))->text == "");
    CHECK(bench.state("web") == "running");
}

TEST_CASE("a frozen sandbox can be changed, joined, signalled and stopped") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.sandbox("web");
    REQUIRE(bench.answer(freeze(bench))->text == "");
    CHECK(bench
              .answer(bench.manager(Bench::kRoot, "UpdateSandbox", "web",
                                    Properties(1, Property{"pids.limit", std::int64_t(50)})))
              ->text == "");
    Child& second = bench.child();
    bench.makeProcessGroup("web", "more");
    CHECK(bench
              .answer(bench.manager(Bench::kRoot, "AttachProcesses", "web", "more",
                                    std::vector<std::uint32_t>{second.number()}))
              ->text == "");
    // A group that is new in a frozen sandbox is frozen as well.
    CHECK(bench.until([&] { return frozen(bench, "more"); }));
    CHECK(bench.answer(bench.manager(Bench::kRoot, "RemoveGroup", "web", "more"))->error == ours("Busy"));
    CHECK(bench.state("web") == "frozen");
    CHECK(bench.answer(bench.manager(Bench::kRoot, "StopSandbox", "web"))->text == "");
    CHECK_FALSE(child.alive());
    CHECK_FALSE(second.alive());
    CHECK(bench.list().empty());
}

TEST_CASE("SIGKILL reaches what is frozen") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.sandbox("web");
    REQUIRE(bench.answer(freeze(bench))->text == "");
    CHECK(bench.answer(bench.manager(Bench::kRoot, "KillSandbox", "web", std::int32_t(9)))->text == "");
    CHECK(bench.until([&] { return !child.alive(); }));
    CHECK(bench.until([&] { return bench.emitted("SandboxRemoved") == 1; }));
}

TEST_CASE("the next daemon knows that a sandbox is frozen, and finishes a freeze that was cut short") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    bench.makeProcessGroup("web", "more");
    REQUIRE(bench.answer(freeze(bench))->text == "");
    bench.restart();
    CHECK(bench.state("web") == "frozen");
    // A thaw takes the payload last.
    write(bench, bench.scopeOf("web") + "/more", "cgroup.freeze", "0");
    bench.restart();
    CHECK(bench.state("web") == "frozen");
    CHECK(bench.until([&] { return frozen(bench, "more"); }));
    REQUIRE(bench.answer(thaw(bench))->text == "");
    bench.restart();
    CHECK(bench.state("web") == "running");
}

TEST_CASE("what PID 1 has frozen stays so, and a thaw does not wait for it", "[fault-45]") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    write(bench, bench.scopeOf("web"), "cgroup.freeze", "1");
    REQUIRE(bench.until([&] { return frozen(bench, "payload"); }));
    CHECK(bench.state("web") == "running");
    CHECK(bench.answer(freeze(bench))->text == "");
    CHECK(bench.answer(thaw(bench))->text == "");
    CHECK(bench.state("web") == "running");
    CHECK(frozen(bench, "payload"));
    write(bench, bench.scopeOf("web"), "cgroup.freeze", "0");
    CHECK(bench.until([&] { return !frozen(bench, "payload"); }));
}

TEST_CASE("there is nothing to freeze where there is no sandbox, or one that is only coming") {
    NEEDS_CGROUPS();
    Bench bench;
    REFUSED(bench, freeze(bench), ours("NoSuchSandbox"));
    REFUSED(bench, thaw(bench), ours("NoSuchSandbox"));
    Child& child = bench.child();
    Pending creating = bench.create("web-hang", pids(child));
    REQUIRE(bench.until([&] { return bench.systemd.find(bench.unitOf("web-hang")) != nullptr; }));
    REFUSED(bench, bench.manager(Bench::kRoot, "FreezeSandbox", "web-hang"), ours("Busy"));
    bench.systemd.release(bench.unitOf("web-hang"));
    CHECK(bench.answer(creating)->text == "");
}
