// SPDX-License-Identifier: LGPL-2.1-or-later
// Scopes that another program has started become sandboxes, or stay as they were.
#include "bench.h"

#include "cgroup/group.h"
#include "state/record.h"

using namespace scopewright;
using namespace scopewright::unit;

namespace {

constexpr const char* kUnit = "cri-containerd-0123.scope";

/// As containerd makes them, with a process in the scope itself.
Child& foreign(Bench& bench, const std::string& unit = kUnit, bool delegated = true) {
    Child& child = bench.child();
    bench.systemd.addUnit(unit, "libcontainer container 0123", "active", {child.pid()}).properties["Delegate"] =
        delegated;
    REQUIRE(child.controlGroup() == bench.tree().prefix() + "/scopewright.slice/" + unit);
    return child;
}

Pending adopt(Bench& bench, const Properties& properties = {}, const std::string& unit = kUnit,
              const char* sender = Bench::kRoot) {
    return bench.manager(sender, "AdoptSandbox", "web", unit, properties, std::uint64_t(0));
}

std::string scope(Bench& bench) {
    return bench.tree().prefix() + "/scopewright.slice/" + kUnit;
}

} // namespace

TEST_CASE("an adopted scope is a sandbox like any other, also for the next daemon") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = foreign(bench);
    Pending reply = bench.answer(adopt(bench, Properties(1, Property{"pids.limit", std::int64_t(64)})));
    REQUIRE(reply->text == "");
    const auto [object, group] = reply->values<bus::ObjectPath, std::string>();
    CHECK(object.path == "/org/scopewright1/sandbox/web");
    CHECK(group == scope(bench));
    CHECK(child.controlGroup() == scope(bench) + "/payload");
    CHECK(bench.emitted("SandboxNew") == 1);
    CHECK(bench.systemd.find(kUnit)->text("TasksMax") == "64");
    // The words for people are still there.
    CHECK(bench.systemd.find(kUnit)->description.starts_with("libcontainer container 0123 [scopewright "));
    for (int turn = 0; turn < 2; ++turn) {
        CHECK(bench.list() == Lines{"web " + std::string(kUnit) + " 0 /org/scopewright1/sandbox/web"});
        CHECK(bench.groups("web") == Lines{"payload payload"});
        CHECK(bench.property(object.path, Bench::kSandbox, "Slice") == "scopewright.slice");
        CHECK(bench.state("web") == "running");
        bench.restart();
    }
    REQUIRE(bench.answer(bench.createCompat("web", "c1"))->text == "");
    REQUIRE(bench.answer(bench.manager(Bench::kRoot, "StopSandbox", "web"))->text == "");
    CHECK_FALSE(child.alive());
    CHECK_FALSE(bench.tree().exists(scope(bench)));
}

TEST_CASE("groups that the other program has made stay as they are") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = foreign(bench);
    bench.tree().make(scope(bench) + "/init");
    Child& second = bench.child();
    REQUIRE(bench.tree().move(scope(bench) + "/init", second.pid()));
    bench.tree().make(scope(bench) + "/empty");
    REQUIRE(bench.answer(adopt(bench))->text == "");
    CHECK(child.controlGroup() == scope(bench) + "/payload");
    CHECK(second.controlGroup() == scope(bench) + "/init");
    bench.restart();
    CHECK(second.controlGroup() == scope(bench) + "/init");
    CHECK(bench.tree().exists(scope(bench) + "/empty"));
}

TEST_CASE("an adoption can be asked for again") {
    NEEDS_CGROUPS();
    Bench bench;
    foreign(bench);
    const Properties request(1, Property{"Token", std::string("t-1")});
    REQUIRE(bench.answer(adopt(bench, request))->text == "");
    CHECK(bench.answer(adopt(bench, request))->text == "");
    bench.restart();
    CHECK(bench.answer(adopt(bench, request))->text == "");
    CHECK(bench.answer(adopt(bench, with(request, "pids.limit", std::int64_t(5))))->error == ours("TokenMismatch"));
    CHECK(bench.answer(adopt(bench))->error == ours("SandboxExists"));
    CHECK(bench.answer(bench.manager(Bench::kRoot, "AdoptSandbox", "other", kUnit, Properties(), std::uint64_t(0)))
              ->error == ours("UnitNameTaken"));
    CHECK(bench.systemd.logged(std::string("SetUnitProperties ") + kUnit) == 1);
}

TEST_CASE("what cannot be adopted is refused and stays as it is") {
    NEEDS_CGROUPS();
    Bench bench;
    foreign(bench, "plain.scope", false);
    foreign(bench);
    foreign(bench, "own.scope");
    bench.tree().make(bench.tree().prefix() + "/scopewright.slice/own.scope/payload");
    bench.sandbox("db");
    REFUSED(bench, adopt(bench, {}, "plain.scope"), ours("NotDelegated"));
    REFUSED(bench, adopt(bench, {}, "absent.scope"), ours("UnitFailed"));
    REFUSED(bench, adopt(bench, {}, "own.scope"), ours("GroupExists"));
    REFUSED(bench, adopt(bench, {}, "init.scope"), fd("InvalidArgs"));
    REFUSED(bench, adopt(bench, {}, "ssh.service"), fd("InvalidArgs"));
    REFUSED(bench, adopt(bench, {}, "../x.scope"), fd("InvalidArgs"));
    REFUSED(bench, adopt(bench, {}, bench.unitOf("db")), fd("InvalidArgs"));
    REFUSED(bench, adopt(bench, Properties(1, Property{"Slice", std::string("x.slice")})), ours("PropertyNotAllowed"));
    REFUSED(bench, adopt(bench, Properties(1, Property{"PIDs", std::vector<std::uint32_t>{5}})),
            ours("PropertyNotAllowed"));
    REFUSED(bench, adopt(bench, {}, kUnit, Bench::kAlice), fd("AccessDenied"));
    REFUSED(bench, bench.manager(Bench::kRoot, "AdoptSandbox", "db", kUnit, Properties(), std::uint64_t(0)),
            ours("SandboxExists"));
    REFUSED(bench, bench.manager(Bench::kRoot, "AdoptSandbox", "../x", kUnit, Properties(), std::uint64_t(0)),
            fd("InvalidArgs"));
    REFUSED(bench, bench.manager(Bench::kRoot, "AdoptSandbox", "web", kUnit, Properties(), std::uint64_t(1)),
            fd("InvalidArgs"));
}

TEST_CASE("a scope whose directory belongs to another uid is not adopted") {
    NEEDS_CGROUPS();
    Bench bench;
    foreign(bench);
    REQUIRE(::chown(bench.tree().directory(scope(bench)).c_str(), 1001, 1001) == 0);
    REFUSED(bench, adopt(bench), fd("NotSupported"));
}

TEST_CASE("an adoption that fails leaves the scope as it was") {
    NEEDS_CGROUPS();
    for (const char* unit : {"a-refuseset.scope", kUnit}) {
        CAPTURE(unit);
        Bench bench;
        Child& child = foreign(bench, unit);
        const std::string before = child.controlGroup();
        const std::string enabled = bench.tree().read(before, "cgroup.subtree_control");
        Properties strict(1, Property{"memory.swappiness", std::int64_t(10)});
        if (std::string(unit) == kUnit)
            strict = {{"Strict", true},
                      {"unified", std::vector<std::pair<std::string, std::string>>{{"cpuset.cpus.partition", "root"}}}};
        Pending reply = bench.answer(adopt(bench, strict, unit));
        CHECK(reply->error != "");
        bench.settle();
        CHECK(child.controlGroup() == before);
        CHECK(bench.systemd.find(unit)->description == "libcontainer container 0123");
        CHECK_FALSE(bench.tree().exists(before + "/payload"));
        CHECK(bench.tree().read(before, "cgroup.subtree_control") == enabled);
        CHECK(bench.list().empty());
        CHECK(bench.emitted("SandboxNew") == 0);
    }
}

TEST_CASE("an adoption that was cut short is finished by the next daemon", "[fault-3]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = foreign(bench);
    bench.crash();
    state::Record record;
    record.id = "web";
    record.unit = kUnit;
    record.request = "0123456789abcdef";
    record.adopted = true;
    record.resources = R"({"pids":{"limit":64}})";
    bench.systemd.find(kUnit)->description = state::describe("words", record);
    bench.tree().make(scope(bench) + "/theirs");
    bench.restart();
    CHECK(child.controlGroup() == scope(bench) + "/payload");
    CHECK(bench.groups("web") == Lines{"payload payload"});
    CHECK(bench.property(bench.path("web"), Bench::kSandbox, "Resources").find("pids.limit") != std::string::npos);
    CHECK(bench.tree().exists(scope(bench) + "/theirs"));
}
