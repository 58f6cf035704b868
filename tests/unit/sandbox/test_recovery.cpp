// SPDX-License-Identifier: LGPL-2.1-or-later
// A daemon that comes back, after leaving or after being killed, finds everything as it was.
#include "bench.h"
#include "cgroup/group.h"
#include "state/marks.h"

#include <algorithm>
#include <array>

using namespace scopewright;
using namespace scopewright::unit;
using namespace std::chrono_literals;

namespace {

std::string described(const std::string& id, uid_t uid = 0, const std::string& token = "") {
    return state::describe("Sandbox " + id, state::Record{id, uid, sandbox::defaultUnit(sandbox::Key{uid, id}), token,
                                                          "0123456789abcdef", std::nullopt, std::nullopt});
}

/// Quoted, as Describe's JSON has it.
bool mentions(const std::string& json, const std::string& text) {
    return json.find('"' + text + '"') != std::string::npos;
}

} // namespace

TEST_CASE("after a restart every sandbox and group is known with all it had") {
    NEEDS_CGROUPS();
    Bench bench;
    for (const char* id : {"one", "two"}) {
        Properties properties = pids(bench.child());
        properties = with(properties, "memory.limit", std::int64_t(268435456));
        properties = with(properties, "cpu.shares", std::int64_t(512));
        properties = with(properties, "cpu.burst", std::int64_t(1000));
        REQUIRE(bench.answer(bench.create(id, properties))->text == "");
        Properties limits;
        limits = with(limits, "memory.limit", std::int64_t(134217728));
        limits = with(limits, "memory.reservation", std::int64_t(67108864));
        limits = with(limits, "cpu.quota", std::int64_t(50000));
        limits = with(limits, "pids.limit", std::int64_t(-1));
        limits = with(limits, "hugepageLimits",
                      std::vector<std::pair<std::string, std::uint64_t>>{{"2MB", std::uint64_t(2097152)}});
        REQUIRE(bench.answer(bench.createCompat(id, "c1", limits))->text == "");
        REQUIRE(bench.answer(bench.createCompat(id, "cri-containerd-0123.scope"))->text == "");
    }
    const std::string before = bench.describe();
    REQUIRE(mentions(before, "cpu.burst"));
    REQUIRE(mentions(before, "hugepageLimits"));
    const std::vector<std::string> sandboxes = bench.list();
    const std::vector<std::string> groups = bench.groups("one");
    const std::string object = bench.path("one") + "/group/c1";
    const std::string skipped = bench.property(object, Bench::kGroup, "Skipped");
    bench.restart();
    CHECK(bench.describe() == before);
    CHECK(bench.list() == sandboxes);
    CHECK(bench.groups("one") == groups);
    CHECK(bench.property(object, Bench::kGroup, "Skipped") == skipped);
    for (const std::unique_ptr<Child>& child : bench.processes())
        CHECK(child->alive());
    // And they are as good as before.
    REQUIRE(bench.answer(bench.manager(Bench::kRoot, "RemoveGroup", "one", "c1"))->text == "");
    REQUIRE(bench.answer(bench.manager(Bench::kRoot, "StopSandbox", "one"))->text == "");
    CHECK(bench.list().size() == 1);
}

TEST_CASE("a restart says nothing of what was known before") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    bench.restart();
    bench.settle();
    CHECK(bench.emitted("SandboxNew") == 0);
    CHECK(bench.emitted("SandboxRemoved") == 0);
}

TEST_CASE("a token is good after a restart") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    const Properties request = with(pids(child), "Token", std::string("t-1"));
    REQUIRE(bench.answer(bench.create("web", request))->text == "");
    bench.restart();
    CHECK(bench.answer(bench.create("web", request))->text == "");
    CHECK(bench.answer(bench.create("web", with(request, "pids.limit", std::int64_t(5))))->error ==
          ours("TokenMismatch"));
    CHECK(bench.answer(bench.create("web", pids(child)))->error == ours("SandboxExists"));
    CHECK(bench.systemd.logged("StartTransientUnit " + bench.unitOf("web")) == 1);
}

TEST_CASE("a sandbox that ended while nobody looked is not known, and its name is free") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.sandbox("web");
    bench.crash();
    child.kill();
    REQUIRE(bench.until([&] { return bench.systemd.names().empty(); }));
    bench.restart();
    CHECK(bench.list().empty());
    bench.sandbox("web");
}

TEST_CASE("a sandbox whose start was cut short after the job is finished by the next daemon", "[fault-3]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    bench.crash();
    bench.systemd.addUnit(bench.unitOf("web"), described("web"), "active", {child.pid()});
    REQUIRE(child.controlGroup() == bench.scopeOf("web"));
    bench.restart();
    CHECK(child.controlGroup() == bench.scopeOf("web") + "/payload");
    CHECK(bench.list() == Lines{"web scopewright-0-web.scope 0 /org/scopewright1/sandbox/web"});
    CHECK(bench.groups("web") == Lines{"payload payload"});
    CHECK(bench.tree().read(bench.scopeOf("web") + "/payload", "cgroup.max.depth") == "8\n");
    // What was finished is known to the one after that as well.
    bench.restart();
    CHECK(bench.groups("web") == Lines{"payload payload"});
}

TEST_CASE("a start that was cut short is finished with all that was asked for", "[fault-3]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    const Properties asked = with(with(with(pids(child), "Token", std::string("t-1")), "cpu.burst", std::int64_t(1000)),
                                  "pids.limit", std::int64_t(64));
    // The first daemon sends its call, and no more.
    Pending lost = bench.create("a-slow", asked);
    REQUIRE(bench.until([&] { return bench.systemd.find(bench.unitOf("a-slow")) != nullptr; }));
    bench.crash();
    REQUIRE(bench.until([&] { return bench.systemd.find(bench.unitOf("a-slow"))->activeState == "active"; }));
    bench.restart();
    const std::string resources = bench.property(bench.path("a-slow"), Bench::kSandbox, "Resources");
    CHECK(resources.find("cpu.burst") != std::string::npos);
    CHECK(resources.find("pids.limit") != std::string::npos);
    // This hierarchy has no cpu controller to give a burst to, and that is told.
    CHECK(bench.property(bench.path("a-slow"), Bench::kSandbox, "Skipped").find("cpu.burst") != std::string::npos);
    CHECK(bench.answer(bench.create("a-slow", asked))->text == "");
    CHECK(bench.systemd.logged("StartTransientUnit " + bench.unitOf("a-slow")) == 1);
    CHECK(bench.systemd.logged("SetUnitProperties " + bench.unitOf("a-slow")) == 0);
}

TEST_CASE("an update that was cut short is carried out by the next daemon", "[fault-5]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    REQUIRE(bench.answer(bench.create("web", with(pids(child), "pids.limit", std::int64_t(64))))->text == "");
    REQUIRE(
        bench.answer(bench.createCompat("web", "c", Properties(1, Property{"pids.limit", std::int64_t(8)})))->text ==
        "");
    bench.crash();
    const cgroup::Group scope = *cgroup::Group::openRoot(bench.tree().mountPoint()).open(bench.scopeOf("web"));
    state::setIntent(scope.child("payload")->boundaryFile().value(), R"({"pids":{"limit":100}})");
    state::setIntent(scope.child("c")->boundaryFile().value(), R"({"pids":{"limit":9}})");
    bench.restart();
    CHECK(bench.systemd.find(bench.unitOf("web"))->text("TasksMax") == "100");
    CHECK(bench.property(bench.path("web"), Bench::kSandbox, "Resources") == "pids.limit 100");
    CHECK(bench.property(bench.path("web") + "/group/c", Bench::kGroup, "Resources") == "pids.limit 9");
    CHECK_FALSE(state::readIntent(scope.child("payload")->boundaryFile().value()));
    CHECK_FALSE(state::readIntent(scope.child("c")->boundaryFile().value()));
    bench.restart();
    CHECK(bench.property(bench.path("web"), Bench::kSandbox, "Resources") == "pids.limit 100");
}

TEST_CASE("an update that was cut short and that PID 1 refuses now is taken back", "[fault-5]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    REQUIRE(bench.answer(bench.create("a-refuseset", with(pids(child), "pids.limit", std::int64_t(64))))->text == "");
    bench.crash();
    const std::string group = bench.scopeOf("a-refuseset") + "/payload";
    const cgroup::Group payload = *cgroup::Group::openRoot(bench.tree().mountPoint()).open(group);
    for (const char* intent : {R"({"pids":{"limit":100}})", "no text of ours"}) {
        state::setIntent(payload.boundaryFile().value(), intent);
        bench.restart();
        CHECK(bench.property(bench.path("a-refuseset"), Bench::kSandbox, "Resources") == "pids.limit 64");
        CHECK_FALSE(state::readIntent(payload.boundaryFile().value()));
        CHECK(bench.state("a-refuseset") == "running");
    }
}

TEST_CASE("directories of groups that were being made, or removed, are gone with the next daemon", "[fault-4]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.sandbox("web");
    REQUIRE(bench.answer(bench.createCompat("web", "c"))->text == "");
    bench.crash();
    bench.tree().make(bench.scopeOf("web") + "/half/nested");
    bench.tree().make(bench.scopeOf("web") + "/lived");
    Child& second = bench.child();
    REQUIRE(bench.tree().move(bench.scopeOf("web") + "/lived", second.pid()));
    bench.restart();
    CHECK_FALSE(bench.tree().exists(bench.scopeOf("web") + "/half"));
    CHECK(bench.tree().exists(bench.scopeOf("web") + "/c"));
    CHECK(bench.groups("web") == Lines{"c compat", "payload payload"});
    // What holds a process is left alone, whatever it is.
    CHECK(second.controlGroup() == bench.scopeOf("web") + "/lived");
    CHECK(child.alive());
}

TEST_CASE("a start that was cut short at any later step is finished all the same", "[fault-3]") {
    NEEDS_CGROUPS();
    for (const bool moved : {false, true}) {
        CAPTURE(moved);
        Bench bench;
        Child& child = bench.child();
        bench.crash();
        bench.systemd.addUnit(bench.unitOf("web"), described("web"), "active", {child.pid()});
        bench.tree().make(bench.scopeOf("web") + "/payload");
        if (moved) REQUIRE(bench.tree().move(bench.scopeOf("web") + "/payload", child.pid()));
        bench.restart();
        CHECK(child.controlGroup() == bench.scopeOf("web") + "/payload");
        CHECK(bench.groups("web") == Lines{"payload payload"});
    }
}

TEST_CASE("a daemon killed at any moment of a creation leaves what the next one completes",
          "[fault-1][fault-2][fault-3]") {
    NEEDS_CGROUPS();
    // Each turn of the loop is a moment between two of the daemon's own steps.
    std::size_t finished = 0;
    // What the daemon had come to when it died: nothing that PID 1 knows of, a unit, a unit with a payload.
    std::array<int, 3> moments{};
    for (int turns = 0; turns < 60 && finished < 3; ++turns) {
        CAPTURE(turns);
        Bench bench;
        Child& child = bench.child();
        const std::string source = child.controlGroup();
        const Properties request = with(pids(child), "Token", std::string("t-1"));
        Pending call = bench.create("web", request);
        for (int i = 0; i < turns && !call->done; ++i)
            bus::check(sd_event_run(bench.event(), 1000), "run");
        finished += call->done;
        bench.crash();
        const bool asked = !bench.systemd.names().empty();
        ++moments[bench.tree().exists(bench.scopeOf("web") + "/payload") ? 2 : asked ? 1 : 0];
        CHECK(child.alive());
        if (!asked) CHECK(child.controlGroup() == source);
        bench.restart();
        REQUIRE(bench.until([&] { return bench.service().idle(); }));
        CHECK(child.alive());
        // A client that got no answer asks again.
        Pending again = bench.answer(bench.create("web", request));
        CHECK(again->text == "");
        CHECK(child.controlGroup() == bench.scopeOf("web") + "/payload");
        CHECK(bench.list().size() == 1);
        CHECK(bench.groups("web") == Lines{"payload payload"});
        CHECK(bench.systemd.names() == Lines{bench.unitOf("web")});
    }
    CHECK(finished == 3);
    for (const int count : moments)
        CHECK(count > 0);
}

TEST_CASE("a daemon killed at any moment of a stop leaves nothing that the next one does not know", "[fault-6]") {
    NEEDS_CGROUPS();
    std::size_t finished = 0;
    for (int turns = 0; turns < 60 && finished < 3; ++turns) {
        CAPTURE(turns);
        Bench bench;
        bench.sandbox("web");
        Pending call = bench.manager(Bench::kRoot, "StopSandbox", "web");
        for (int i = 0; i < turns && !call->done; ++i)
            bus::check(sd_event_run(bench.event(), 1000), "run");
        finished += call->done;
        bench.crash();
        bench.restart();
        Pending again = bench.answer(bench.manager(Bench::kRoot, "StopSandbox", "web"));
        CHECK((again->error == "" || again->error == ours("NoSuchSandbox")));
        REQUIRE(bench.until([&] { return bench.systemd.names().empty(); }));
        REQUIRE(bench.until([&] { return bench.list().empty(); }));
    }
    CHECK(finished == 3);
}

TEST_CASE("a scope that PID 1 is still starting is waited for") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    const Properties request = with(pids(child), "Token", std::string("t-1"));
    Pending call = bench.create("a-hang", request);
    REQUIRE(bench.until([&] { return bench.systemd.find(bench.unitOf("a-hang")) != nullptr; }));
    bench.restart();
    CHECK(bench.systemd.logged("StopUnit " + bench.unitOf("a-hang")) == 0);
    bench.systemd.release(bench.unitOf("a-hang"));
    REQUIRE(bench.until([&] { return bench.emitted("SandboxNew") == 1; }));
    CHECK(child.controlGroup() == bench.scopeOf("a-hang") + "/payload");
    CHECK(bench.list().size() == 1);
}

TEST_CASE("a scope that PID 1 is still stopping is waited for, and forgotten") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("a-stophang");
    Pending call = bench.manager(Bench::kRoot, "StopSandbox", "a-stophang");
    REQUIRE(bench.until([&] { return bench.systemd.logged("StopUnit " + bench.unitOf("a-stophang")) == 1; }));
    bench.restart();
    bench.systemd.release(bench.unitOf("a-stophang"));
    REQUIRE(bench.until([&] { return bench.service().idle(); }));
    CHECK(bench.list().empty());
}

TEST_CASE("a failed unit of ours is cleared away at the start") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.crash();
    bench.systemd.addUnit(bench.unitOf("web"), described("web"), "failed");
    bench.restart();
    CHECK(bench.systemd.logged("ResetFailedUnit " + bench.unitOf("web")) == 1);
    CHECK(bench.systemd.names().empty());
    CHECK(bench.list().empty());
}

TEST_CASE("a scope of ours in which nothing lives any more is stopped at the start") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.crash();
    bench.systemd.addUnit(bench.unitOf("web"), described("web"), "active");
    REQUIRE(bench.systemd.find(bench.unitOf("web")) != nullptr);
    bench.restart();
    REQUIRE(bench.until([&] { return bench.systemd.names().empty(); }));
    CHECK(bench.list().empty());
}

TEST_CASE("units of others, and records that cannot be read, are left alone at the start",
          "[fault-54][fault-55][fault-56]") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.crash();
    const std::string good = described("web");
    const std::vector<std::string> descriptions{
        "",
        "libcontainer container 0123",
        "Sandbox web",
        good.substr(0, good.size() - 1),                                      // truncated
        good.substr(0, good.size() - 3) + "x" + good.substr(good.size() - 2), // a flipped digit
        "[scopewright ]",
        "[scopewright v=1]",
        "x [scopewright v=2 id=web uid=0 crc=00000000]",
        good + " and more",
        described("web").replace(good.find("v=1"), 3, "v=7"),
    };
    std::vector<std::string> units;
    for (std::size_t i = 0; i < descriptions.size(); ++i) {
        Child& child = bench.child();
        units.push_back("scopewright-0-x" + std::to_string(i) + ".scope");
        bench.systemd.addUnit(units.back(), descriptions[i], "active", {child.pid()});
    }
    units.emplace_back("scopewright-0-failed.scope");
    bench.systemd.addUnit(units.back(), "somebody's failure", "failed");
    std::sort(units.begin(), units.end());
    const std::size_t asked = bench.systemd.log().size();
    bench.restart();
    REQUIRE(bench.until([&] { return bench.service().idle(); }));
    CHECK(bench.list().empty());
    CHECK(bench.systemd.names() == units);
    CHECK(bench.systemd.log().size() == asked);
    for (const std::unique_ptr<Child>& child : bench.processes())
        CHECK(child->controlGroup().find("/payload") == std::string::npos);
}

TEST_CASE("a directory without a mark is no group, before and after a restart", "[fault-4]") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    bench.tree().make(bench.scopeOf("web") + "/half-made");
    CHECK(bench.groups("web") == Lines{"payload payload"});
    bench.restart();
    CHECK(bench.groups("web") == Lines{"payload payload"});
    // Its name is not taken.
    CHECK(bench.answer(bench.createCompat("web", "half-made"))->text == "");
}

TEST_CASE("one sandbox with an odd mark does not keep the others from being found") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("odd");
    bench.sandbox("web");
    bench.crash();
    const std::optional<cgroup::Group> payload =
        cgroup::Group::openRoot(bench.tree().mountPoint()).open(bench.scopeOf("odd") + "/payload");
    REQUIRE(payload);
    state::setMark(payload->boundaryFile().value(), state::Mark{"payload", "other", "", {}});
    bench.restart();
    CHECK(bench.list().size() >= 1);
    for (const std::unique_ptr<Child>& child : bench.processes())
        CHECK(child->alive());
}

TEST_CASE("two owners may use the same id", "[fault-11]") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    Child& theirs = bench.child();
    bench.crash();
    bench.systemd.addUnit("scopewright-1001-web.scope", described("web", 1001), "active", {theirs.pid()});
    bench.restart();
    CHECK(bench.list() == Lines{"web scopewright-0-web.scope 0 /org/scopewright1/sandbox/web",
                                "web scopewright-1001-web.scope 1001 /org/scopewright1/sandbox/_31001_3aweb"});
    CHECK(bench.list(Bench::kAlice) ==
          Lines{"web scopewright-1001-web.scope 1001 /org/scopewright1/sandbox/_31001_3aweb"});
    CHECK(bench.list(Bench::kBob).empty());
    // Each means their own by the plain id.
    CHECK(bench.answer(bench.manager(Bench::kAlice, "StopSandbox", "web"))->text == "");
    CHECK_FALSE(theirs.alive());
    CHECK(bench.list() == Lines{"web scopewright-0-web.scope 0 /org/scopewright1/sandbox/web"});
}

TEST_CASE("two units that claim to be the same sandbox: the first is, the other is left alone") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& first = bench.child();
    Child& second = bench.child();
    bench.crash();
    bench.systemd.addUnit(bench.unitOf("web"), described("web"), "active", {first.pid()});
    bench.systemd.addUnit("zweb.scope", described("web"), "active", {second.pid()});
    bench.restart();
    CHECK(bench.list() == Lines{"web scopewright-0-web.scope 0 /org/scopewright1/sandbox/web"});
    CHECK(bench.systemd.find("zweb.scope") != nullptr);
    CHECK(second.alive());
}

TEST_CASE("an object that is not one's own does not exist, whether or not it does", "[attack-56]") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    for (const char* id : {"0:web", "0:nothing", "web"}) {
        CAPTURE(id);
        for (const char* method : {"GetSandbox", "StopSandbox", "ListGroups"})
            CHECK(bench.answer(bench.manager(Bench::kAlice, method, id))->error == ours("NoSuchSandbox"));
        CHECK(bench.answer(bench.createCompat(id, "c", {}, Bench::kAlice))->error == ours("NoSuchSandbox"));
        CHECK(bench.answer(bench.manager(Bench::kAlice, "KillSandbox", id, std::int32_t(9)))->error ==
              ours("NoSuchSandbox"));
        CHECK(bench.answer(bench.manager(Bench::kAlice, "RemoveGroup", id, "c"))->error == ours("NoSuchSandbox"));
    }
    for (const char* path : {"/org/scopewright1/sandbox/web", "/org/scopewright1/sandbox/nothing"}) {
        CAPTURE(path);
        CHECK(bench.answer(bench.call(Bench::kAlice, path, Bench::kSandbox, "Stop"))->error == ours("NoSuchSandbox"));
    }
}

TEST_CASE("the properties of a sandbox that is not one's own cannot be read", "[attack-55]") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    CHECK(bench.property("/org/scopewright1/sandbox/web", Bench::kSandbox, "Unit", Bench::kAlice) == "");
}

TEST_CASE("a daemon-reload loses nothing and tells nobody") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("one");
    bench.sandbox("two");
    REQUIRE(bench.answer(bench.createCompat("one", "c1"))->text == "");
    const std::string before = bench.describe();
    bench.signals().clear();
    bench.systemd.reload();
    bench.settle();
    REQUIRE(bench.until([&] { return bench.service().idle(); }));
    CHECK(bench.describe() == before);
    CHECK(bench.emitted("SandboxRemoved") == 0);
    CHECK(bench.emitted("SandboxNew") == 0);
}

TEST_CASE("a daemon-reload while a scope starts or stops changes nothing about the outcome", "[fault-13]") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("a-stophang");
    Child& child = bench.child();
    Pending creating = bench.create("b-hang", pids(child));
    Pending stopping = bench.manager(Bench::kRoot, "StopSandbox", "a-stophang");
    REQUIRE(bench.until([&] {
        return bench.systemd.find(bench.unitOf("b-hang")) &&
               bench.systemd.logged("StopUnit " + bench.unitOf("a-stophang")) == 1;
    }));
    bench.systemd.reload();
    bench.settle();
    bench.systemd.release(bench.unitOf("b-hang"));
    bench.systemd.release(bench.unitOf("a-stophang"));
    CHECK(bench.answer(creating)->text == "");
    CHECK(bench.answer(stopping)->text == "");
    CHECK(bench.list().size() == 1);
}

TEST_CASE("an end that PID 1 told nobody about is found after the next reload", "[fault-17]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.sandbox("web");
    bench.systemd.quiet = true;
    child.kill();
    REQUIRE(bench.until([&] { return bench.systemd.names().empty(); }));
    bench.settle();
    CHECK(bench.emitted("SandboxRemoved") == 0);
    bench.systemd.quiet = false;
    bench.systemd.reload();
    REQUIRE(bench.until([&] { return bench.emitted("SandboxRemoved") == 1; }));
}

TEST_CASE("a new PID 1 behind the name makes everything be looked at, and nothing be lost", "[fault-14]") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("one");
    Child& ending = bench.sandbox("two");
    bench.systemd.quiet = true;
    ending.kill();
    REQUIRE(bench.until([&] { return bench.systemd.names().size() == 1; }));
    bench.systemd.quiet = false;
    bench.driver.ownerChanged("org.freedesktop.systemd1", ":1.1", "");
    bench.driver.ownerChanged("org.freedesktop.systemd1", "", ":1.1");
    REQUIRE(bench.until([&] { return bench.emitted("SandboxRemoved") == 1; }));
    CHECK(bench.list() == Lines{"one scopewright-0-one.scope 0 /org/scopewright1/sandbox/one"});
}

TEST_CASE("hundreds of sandboxes are found again", "[fault-60]") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.crash();
    Child& child = bench.child();
    for (int i = 0; i < 300; ++i) {
        const std::string id = "n" + std::to_string(i);
        bench.systemd.addUnit("scopewright-0-" + id + ".scope", described(id), "active", {child.pid()});
        // One process is enough: a sandbox is populated by whoever is in it at the moment it is looked at.
    }
    // Every unit but the last is empty by now, and PID 1 has not noticed yet.
    bench.restart();
    REQUIRE(bench.until([&] { return bench.service().idle(); }));
    CHECK(bench.list().size() == 1);
    CHECK(child.alive());
}

TEST_CASE("a systemd that is too old, or has no version, is no place to start", "[fault-64]") {
    NEEDS_CGROUPS();
    for (const char* version : {"246.15", "abc", "", "0"}) {
        CAPTURE(version);
        Bench bench;
        bench.systemd.version = version;
        CHECK_CODE(bench.restart(), NotSupported);
    }
}

TEST_CASE("a PID 1 that does not answer at the start is no reason to hang", "[fault-15]") {
    NEEDS_CGROUPS();
    Bench bench(patience(50ms));
    bench.systemd.deaf = true;
    CHECK_CODE(bench.restart(), NoReply);
}
