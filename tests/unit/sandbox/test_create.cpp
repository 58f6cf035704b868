// SPDX-License-Identifier: LGPL-2.1-or-later
// CreateSandbox from the call to the answer, whatever PID 1 does in between.
#include "bench.h"

#include <algorithm>
#include <set>

using namespace scopewright;
using namespace scopewright::unit;
using namespace std::chrono_literals;
using scopewright::fake::Unit;

namespace {

/// Waits until PID 1 has been asked for the unit.
void untilAsked(Bench& bench, const std::string& unit) {
    REQUIRE(bench.until([&] { return bench.systemd.logged("StartTransientUnit " + unit) > 0; }));
}

} // namespace

TEST_CASE("a created sandbox is a scope whose payload holds the processes") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    Pending reply = bench.answer(bench.create("web", pids(child)));
    REQUIRE(reply->text == "");
    const auto [object, unit, group] = reply->values<bus::ObjectPath, std::string, std::string>();
    CHECK(object.path == "/org/scopewright1/sandbox/web");
    CHECK(unit == "scopewright-0-web.scope");
    CHECK(group == bench.scopeOf("web"));
    CHECK(child.controlGroup() == group + "/payload");
    CHECK(bench.tree().read(group, "cgroup.procs").empty());
    CHECK(bench.list() == Lines{"web scopewright-0-web.scope 0 " + object.path});
    CHECK(bench.groups("web") == Lines{"payload payload"});
    for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{{"Id", "web"},
                                                                                      {"Unit", unit},
                                                                                      {"Slice", "scopewright.slice"},
                                                                                      {"ControlGroup", group},
                                                                                      {"OwnerUID", "0"},
                                                                                      {"State", "running"},
                                                                                      {"Groups", "payload"}}) {
        CAPTURE(name);
        CHECK(bench.property(object.path, Bench::kSandbox, name) == value);
    }
    CHECK(bench.emitted("SandboxNew") == 1);
    CHECK(bench.emitted("SandboxRemoved") == 0);
}

TEST_CASE("a sandbox is found by its id, by a process number and by a pidfd") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.sandbox("web");
    const std::string path = "/org/scopewright1/sandbox/web";
    CHECK(bench.path("web") == path);
    CHECK(std::get<0>(bench.answered(bench.manager(Bench::kRoot, "GetSandboxByPID", child.number()))).path == path);
    bus::Message question =
        bus::methodCall(bench.peer(), "org.scopewright1", Bench::kManagerPath, Bench::kManager, "GetSandboxByPIDFD");
    bus::check(sd_bus_message_append(question.raw(), "h", child.pidfd()), "append");
    CHECK(std::get<0>(bench.answered(bench.send(Bench::kRoot, question))).path == path);
    Child& other = bench.child();
    CHECK(bench.answer(bench.manager(Bench::kRoot, "GetSandboxByPID", other.number()))->error == ours("NoSuchSandbox"));
    CHECK(bench.answer(bench.manager(Bench::kRoot, "GetSandbox", "nothing"))->error == ours("NoSuchSandbox"));
}

TEST_CASE("PID 1 is told what the design wants, and nothing that it could choke on",
          "[fault-21][attack-11][attack-12]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    Properties properties = pids(child);
    properties = with(properties, "Description", std::string("My pod: a-b_c.d"));
    properties = with(properties, "User", std::string("1001"));
    properties = with(properties, "TimeoutStopUSec", std::uint64_t(3000000));
    properties = with(properties, "RuntimeMaxUSec", std::uint64_t(60000000));
    properties = with(properties, "memory.limit", std::int64_t(268435456));
    properties = with(properties, "memory.swap", std::int64_t(268435456));
    properties = with(properties, "pids.limit", std::uint32_t(64));
    REQUIRE(bench.answer(bench.create("web", properties))->text == "");
    Unit* unit = bench.systemd.find("scopewright-0-web.scope");
    REQUIRE(unit);
    const auto value = [&](const char* name) { return unit->text(name); };
    CHECK(value("Delegate") == "true");
    CHECK(value("DefaultDependencies") == "false");
    CHECK(value("CollectMode") == "inactive-or-failed");
    CHECK(value("Slice") == "scopewright.slice");
    CHECK(value("MemoryMax") == "268435456");
    CHECK(value("MemorySwapMax") == "0");
    CHECK(value("TasksMax") == "64");
    CHECK(value("TimeoutStopUSec") == "3000000");
    CHECK(value("RuntimeMaxUSec") == "60000000");
    for (const char* accounting : {"CPUAccounting", "MemoryAccounting", "IOAccounting", "TasksAccounting"})
        CHECK(value(accounting) == "true");
    CHECK(unit->properties.count("User") == 0);
    // A controller is a name on the bus, which PID 1 would ask at each stop and keep through a restart of the bus.
    CHECK(unit->properties.count("Controller") == 0);
    CHECK(unit->description.rfind("My pod: a-b_c.d [scopewright v=1 id=web uid=0 ", 0) == 0);
    CHECK(unit->description.find("user=1001") != std::string::npos);
    CHECK(std::get<std::vector<std::uint32_t>>(unit->properties["PIDs"]) == std::vector<std::uint32_t>{child.number()});
}

TEST_CASE("from 255 on PID 1 is given pidfds, before that numbers") {
    NEEDS_CGROUPS();
    for (const char* version : {"247.3-7+deb11u8", "254.26", "255~rc1", "262.1-1"}) {
        CAPTURE(version);
        Bench bench;
        bench.systemd.version = version;
        bench.restart();
        Child& child = bench.sandbox("web");
        Unit* unit = bench.systemd.find("scopewright-0-web.scope");
        const bool byFd = std::string(version) >= "255";
        CHECK(unit->properties.count("PIDFDs") == byFd);
        CHECK(unit->properties.count("PIDs") == !byFd);
        CHECK(child.controlGroup() == bench.scopeOf("web") + "/payload");
    }
}

TEST_CASE("more processes than one message has room for descriptors go by number") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.systemd.version = "257.13";
    bench.restart();
    std::vector<const Child*> children;
    for (int i = 0; i < 17; ++i)
        children.push_back(&bench.child());
    REQUIRE(bench.answer(bench.create("web", pids(children)))->text == "");
    for (const Child* child : children)
        REQUIRE(child->controlGroup() == bench.scopeOf("web") + "/payload");
}

TEST_CASE("the payload's depth and number of groups are capped before anyone is let in", "[attack-31]") {
    NEEDS_CGROUPS();
    config::Config config = Bench::quick();
    config.maxDepth = 3;
    config.maxDescendants = 17;
    Bench bench(config);
    Child& child = bench.child();
    REQUIRE(bench.answer(bench.create("web", with(pids(child), "User", std::string("1001"))))->text == "");
    const std::string payload = bench.scopeOf("web") + "/payload";
    CHECK(bench.tree().read(payload, "cgroup.max.depth") == "3\n");
    CHECK(bench.tree().read(payload, "cgroup.max.descendants") == "17\n");
}

TEST_CASE("a sandbox comes to be however PID 1 times its signal") {
    NEEDS_CGROUPS();
    for (const char* id : {"a-slow", "a-early", "a-lost"}) {
        CAPTURE(id);
        Bench bench;
        bench.skipSilence();
        Child& child = bench.child();
        REQUIRE(bench.answer(bench.create(id, pids(child)))->text == "");
        CHECK(child.controlGroup() == bench.scopeOf(id) + "/payload");
        CHECK(bench.state(id) == "running");
        CHECK(bench.emitted("SandboxNew") == 1);
    }
}

TEST_CASE("a failed start job is UnitFailed, and the process is where it was", "[fault-19]") {
    NEEDS_CGROUPS();
    for (const char* id : {"a-fail", "a-failmoved"}) {
        CAPTURE(id);
        Bench bench;
        Child& child = bench.child();
        const std::string source = child.controlGroup();
        REFUSED(bench, bench.create(id, pids(child)), ours("UnitFailed"));
        bench.checkNothingLeft(child, source, id);
    }
}

TEST_CASE("a scope that does not hold the process is UnitFailed", "[fault-39][attack-14]") {
    NEEDS_CGROUPS();
    for (const char* id : {"a-empty", "a-vanish"}) {
        CAPTURE(id);
        Bench bench;
        Child& child = bench.child();
        const std::string source = child.controlGroup();
        CHECK(bench.answer(bench.create(id, pids(child)))->error == ours("UnitFailed"));
        bench.settle();
        bench.checkNothingLeft(child, source, id);
    }
}

TEST_CASE("a start job that hangs is a Timeout; the scope is not stopped before the job is over", "[fault-16]") {
    NEEDS_CGROUPS();
    for (const char* result : {"done", "failed", "canceled"}) {
        CAPTURE(result);
        Bench bench(patience(60ms));
        bench.skipSilence();
        Child& child = bench.child();
        const std::string source = child.controlGroup();
        const std::string unit = "scopewright-0-a-hang.scope";
        CHECK(bench.answer(bench.create("a-hang", pids(child)))->error == fd("Timeout"));
        CHECK(child.controlGroup() == source);
        CHECK(bench.systemd.logged("StopUnit " + unit) == 0);
        // Its name is not free yet.
        CHECK(bench.answer(bench.create("a-hang", pids(child)))->error == ours("SandboxExists"));
        bench.pass(400ms);
        CHECK(bench.systemd.logged("StopUnit " + unit) == 0);
        bench.systemd.release(unit, result);
        REQUIRE(bench.until([&] { return bench.service().idle(); }));
        bench.settle();
        bench.checkNothingLeft(child, source, "a-hang");
    }
}

TEST_CASE("processes that a hanging job has moved are led back when the answer says Timeout") {
    NEEDS_CGROUPS();
    Bench bench(patience(60ms));
    Child& child = bench.child();
    const std::string source = child.controlGroup();
    const std::string unit = "scopewright-0-a-hangmoved.scope";
    CHECK(bench.answer(bench.create("a-hangmoved", pids(child)))->error == fd("Timeout"));
    CHECK(child.controlGroup() == source);
    CHECK(bench.systemd.logged("StopUnit " + unit) == 0);
    bench.systemd.release(unit);
    REQUIRE(bench.until([&] { return bench.service().idle(); }));
    bench.settle();
    bench.checkNothingLeft(child, source, "a-hangmoved");
}

TEST_CASE("PID 1's refusal changes nothing") {
    NEEDS_CGROUPS();
    const std::vector<std::pair<std::string, std::string>> names{
        {"org.freedesktop.systemd1.TransactionIsDestructive", fd("Failed")},
        {"org.freedesktop.DBus.Error.PropertyReadOnly", fd("NotSupported")},
        {"org.freedesktop.DBus.Error.ServiceUnknown", ours("SystemdUnavailable")},
        {"org.freedesktop.DBus.Error.UnixProcessIdUnknown", fd("UnixProcessIdUnknown")},
    };
    for (const auto& [said, answered] : names) {
        CAPTURE(said);
        Bench bench;
        bench.systemd.refusal = said;
        Child& child = bench.child();
        REFUSED(bench, bench.create("a-refuse", pids(child)), answered);
        bench.checkNothingLeft(child, child.controlGroup(), "a-refuse");
    }
}

TEST_CASE("a PID 1 that does not answer is SystemdUnavailable, and nothing has happened", "[fault-14][fault-15]") {
    NEEDS_CGROUPS();
    Bench bench(patience(60ms));
    Child& child = bench.child();
    const std::string source = child.controlGroup();
    CHECK(bench.answer(bench.create("a-silent", pids(child)))->error == ours("SystemdUnavailable"));
    REQUIRE(bench.until([&] { return bench.service().idle(); }));
    bench.checkNothingLeft(child, source, "a-silent");
}

TEST_CASE("a scope that started though its answer was lost is the sandbox that was asked for", "[fault-2][fault-14]") {
    NEEDS_CGROUPS();
    Bench bench(patience(60ms));
    Child& child = bench.child();
    CHECK(bench.answer(bench.create("a-mute", pids(child)))->error == "");
    CHECK(child.controlGroup() == bench.scopeOf("a-mute") + "/payload");
    CHECK(bench.systemd.logged("StartTransientUnit scopewright-0-a-mute.scope") == 1);
    CHECK(bench.emitted("SandboxNew") == 1);
}

TEST_CASE("a process that dies while its scope is started is UnixProcessIdUnknown", "[fault-36]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    Pending request = bench.create("a-hang", pids(child));
    untilAsked(bench, "scopewright-0-a-hang.scope");
    child.kill();
    bench.systemd.release("scopewright-0-a-hang.scope");
    CHECK(bench.answer(request)->error == fd("UnixProcessIdUnknown"));
    bench.settle();
    CHECK(bench.systemd.names().empty());
    CHECK(bench.list().empty());
}

TEST_CASE("when one of several dies the others go back", "[fault-36]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& dying = bench.child();
    Child& first = bench.child();
    Child& second = bench.childIn("/elsewhere.slice/x.service");
    const std::string firstSource = first.controlGroup();
    const std::string secondSource = second.controlGroup();
    Pending request = bench.create("a-hang", pids({&first, &dying, &second}));
    untilAsked(bench, "scopewright-0-a-hang.scope");
    dying.kill();
    bench.systemd.release("scopewright-0-a-hang.scope");
    CHECK(bench.answer(request)->error == fd("UnixProcessIdUnknown"));
    bench.settle();
    CHECK(first.alive());
    CHECK(second.alive());
    CHECK(first.controlGroup() == firstSource);
    CHECK(second.controlGroup() == secondSource);
    CHECK(bench.systemd.names().empty());
}

TEST_CASE("a client that leaves while the job runs gets its sandbox all the same, and its token finds it",
          "[fault-8]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    const Properties request = with(pids(child), "Token", std::string("t-1"));
    {
        Pending call = bench.create("a-hang", request);
        untilAsked(bench, "scopewright-0-a-hang.scope");
    }
    bench.driver.leave(Bench::kRoot);
    bench.settle();
    bench.driver.clients[":1.20"] = {0, bench.driver.clients[Bench::kAlice].pid};
    bench.systemd.release("scopewright-0-a-hang.scope");
    REQUIRE(bench.until([&] { return bench.emitted("SandboxNew") == 1; }));
    CHECK(child.controlGroup() == bench.scopeOf("a-hang") + "/payload");
    Pending again = bench.answer(bench.create("a-hang", request, ":1.20"));
    CHECK(again->error == "");
    CHECK(std::get<2>(again->values<bus::ObjectPath, std::string, std::string>()) == bench.scopeOf("a-hang"));
    CHECK(bench.systemd.logged("StartTransientUnit scopewright-0-a-hang.scope") == 1);
}

TEST_CASE("the service may go while jobs of every kind are under way") {
    NEEDS_CGROUPS();
    Bench bench;
    std::vector<Pending> calls;
    const std::vector<std::string> ids{"a-hang", "b-silent", "c-slow", "d-hangmoved", "e-mute", "f"};
    for (const std::string& id : ids) {
        Child& child = bench.child();
        const Properties request = with(pids(child), "Token", std::string("t"));
        calls.push_back(bench.create(id, request));
        calls.push_back(bench.create(id, request));
    }
    untilAsked(bench, "scopewright-0-b-silent.scope");
    bench.settle();
    bench.crash();
    for (const std::unique_ptr<Child>& child : bench.processes())
        CHECK(child->alive());
    CHECK(bench.systemd.logged("StopUnit scopewright-0-a-hang.scope") == 0);
    bench.pass(80ms);
}

TEST_CASE("the end of the service answers nobody, neither the first request nor those that joined it") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    const Properties request = with(pids(child), "Token", std::string("t"));
    Pending first = bench.create("a-hang", request);
    untilAsked(bench, "scopewright-0-a-hang.scope");
    std::vector<Pending> joined;
    for (int i = 0; i < 10; ++i)
        joined.push_back(bench.create("a-hang", request));
    bench.settle();
    bench.stopService();
    bench.settle();
    CHECK_FALSE(first->done);
    for (const Pending& call : joined)
        CHECK_FALSE(call->done);
}

TEST_CASE("a failed leftover of ours is cleared away, once, and the sandbox starts", "[fault-19]") {
    NEEDS_CGROUPS();
    Bench bench;
    const std::string unit = bench.unitOf("web");
    state::Record record{"web", 0, unit, "", "0000", std::nullopt, std::nullopt};
    bench.systemd.addUnit(unit, state::describe("Sandbox web", record), "failed");
    Child& child = bench.sandbox("web");
    CHECK(child.controlGroup() == bench.scopeOf("web") + "/payload");
    CHECK(bench.systemd.logged("ResetFailedUnit " + unit) == 1);
    CHECK(bench.systemd.logged("StartTransientUnit " + unit) == 2);
}

TEST_CASE("a failed leftover that cannot be cleared away is tried once, not for ever", "[attack-4]") {
    NEEDS_CGROUPS();
    Bench bench;
    const std::string unit = bench.unitOf("web");
    state::Record record{"web", 0, unit, "", "0000", std::nullopt, std::nullopt};
    bench.systemd.addUnit(unit, state::describe("Sandbox web", record), "failed");
    bench.systemd.stubborn = true;
    Child& child = bench.child();
    REFUSED(bench, bench.create("web", pids(child)), ours("SandboxExists"));
    CHECK(bench.systemd.logged("ResetFailedUnit " + unit) == 1);
    CHECK(bench.systemd.logged("StartTransientUnit " + unit) == 2);
}

TEST_CASE("a live scope with our record that this daemon did not know is SandboxExists, and left alone") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& inhabitant = bench.child();
    state::Record record{"web", 0, bench.unitOf("web"), "other", "0000", std::nullopt, std::nullopt};
    bench.systemd.addUnit(bench.unitOf("web"), state::describe("Sandbox web", record), "active", {inhabitant.pid()});
    Child& child = bench.child();
    REFUSED(bench, bench.create("web", pids(child)), ours("SandboxExists"));
    CHECK(inhabitant.alive());
}

TEST_CASE("somebody else's unit of that name is UnitNameTaken, and left alone", "[attack-4]") {
    NEEDS_CGROUPS();
    for (const char* description : {"Somebody's scope", "x [scopewright v=1 id=web uid=0 tok= req=0 crc=00000000]"}) {
        CAPTURE(description);
        Bench bench;
        Child& inhabitant = bench.child();
        bench.systemd.addUnit(bench.unitOf("web"), description, "active", {inhabitant.pid()});
        Child& child = bench.child();
        REFUSED(bench, bench.create("web", pids(child)), ours("UnitNameTaken"));
        CHECK(inhabitant.alive());
        CHECK(bench.systemd.logged("StopUnit " + bench.unitOf("web")) == 0);
        CHECK(bench.systemd.logged("ResetFailedUnit " + bench.unitOf("web")) == 0);
    }
}

TEST_CASE("a unit name of the caller's choice is used, and can be taken only once") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    const Value path = std::string("kubepods-besteffort.slice:cri-containerd:0123abc");
    Pending reply = bench.answer(bench.create("pod", with(pids(child), "CgroupsPath", path)));
    REQUIRE(reply->text == "");
    const auto [object, unit, group] = reply->values<bus::ObjectPath, std::string, std::string>();
    CHECK(unit == "cri-containerd-0123abc.scope");
    CHECK(group == bench.tree().prefix() + "/kubepods.slice/kubepods-besteffort.slice/cri-containerd-0123abc.scope");
    Child& other = bench.child();
    REFUSED(bench, bench.create("pod2", with(pids(other), "CgroupsPath", path)), ours("UnitNameTaken"));
}

TEST_CASE("the same token again gives the same answer and makes nothing") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    const Properties request = with(pids(child), "Token", std::string("t-1"));
    Pending first = bench.answer(bench.create("web", request));
    Pending second = bench.answer(bench.create("web", request));
    using Answer = std::tuple<bus::ObjectPath, std::string, std::string>;
    const Answer one = first->values<bus::ObjectPath, std::string, std::string>();
    const Answer two = second->values<bus::ObjectPath, std::string, std::string>();
    CHECK(std::get<0>(one).path == std::get<0>(two).path);
    CHECK(std::get<1>(one) == std::get<1>(two));
    CHECK(std::get<2>(one) == std::get<2>(two));
    CHECK(bench.systemd.logged("StartTransientUnit " + bench.unitOf("web")) == 1);
    CHECK(bench.emitted("SandboxNew") == 1);
}

TEST_CASE("the same token while the first request runs joins it", "[fault-9][fault-12]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    const Properties request = with(pids(child), "Token", std::string("t-1"));
    std::vector<Pending> calls;
    for (int i = 0; i < 100; ++i)
        calls.push_back(bench.create("a-slow", request));
    for (const Pending& call : calls)
        REQUIRE(bench.answer(call)->text == "");
    CHECK(bench.systemd.logged("StartTransientUnit " + bench.unitOf("a-slow")) == 1);
    CHECK(bench.emitted("SandboxNew") == 1);
}

TEST_CASE("who joined a request that fails is told so") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    const Properties request = with(pids(child), "Token", std::string("t-1"));
    Pending first = bench.create("a-fail", request);
    Pending second = bench.create("a-fail", request);
    CHECK(bench.answer(first)->error == ours("UnitFailed"));
    CHECK(bench.answer(second)->error == ours("UnitFailed"));
}

TEST_CASE("the same token with other arguments is TokenMismatch") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    const Properties request = with(pids(child), "Token", std::string("t-1"));
    REQUIRE(bench.answer(bench.create("web", request))->text == "");
    REFUSED(bench, bench.create("web", with(request, "pids.limit", std::int64_t(5))), ours("TokenMismatch"));
    REFUSED(bench, bench.create("web", with(request, "Description", std::string("x"))), ours("TokenMismatch"));
    Child& other = bench.child();
    REFUSED(bench, bench.create("web", with(pids(other), "Token", std::string("t-1"))), ours("TokenMismatch"));
}

TEST_CASE("another token, or none, for an id that is taken is SandboxExists") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    REQUIRE(bench.answer(bench.create("web", with(pids(child), "Token", std::string("t-1"))))->text == "");
    REFUSED(bench, bench.create("web", with(pids(child), "Token", std::string("t-2"))), ours("SandboxExists"));
    REFUSED(bench, bench.create("web", pids(child)), ours("SandboxExists"));
    bench.sandbox("plain");
    Child& other = bench.child();
    REFUSED(bench, bench.create("plain", pids(other)), ours("SandboxExists"));
}

TEST_CASE("of two requests for one id at once one wins", "[fault-10]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& one = bench.child();
    Child& two = bench.child();
    const std::string source = two.controlGroup();
    Pending first = bench.create("a-slow", pids(one));
    Pending second = bench.create("a-slow", pids(two));
    CHECK(bench.answer(first)->error == "");
    CHECK(bench.answer(second)->error == ours("SandboxExists"));
    CHECK(two.controlGroup() == source);
}

TEST_CASE("a forged JobRemoved neither makes a sandbox nor undoes one", "[fault-18][attack-43]") {
    NEEDS_CGROUPS();
    for (const char* result : {"done", "failed"}) {
        CAPTURE(result);
        Bench bench;
        Child& child = bench.child();
        Pending request = bench.create("a-hang", pids(child));
        untilAsked(bench, bench.unitOf("a-hang"));
        bench.settle();
        bench.systemd.spoofJobRemoved(bench.unitOf("a-hang"), bench.systemd.lastJob(), result);
        bench.pass(50ms);
        CHECK(bench.systemd.logged("StopUnit " + bench.unitOf("a-hang")) == 0);
        CHECK_FALSE(request->done);
        bench.systemd.release(bench.unitOf("a-hang"));
        CHECK(bench.answer(request)->text == "");
        CHECK(child.controlGroup() == bench.scopeOf("a-hang") + "/payload");
    }
}

TEST_CASE("many sandboxes at once all come to be, each with its own process") {
    NEEDS_CGROUPS();
    Bench bench;
    std::vector<Pending> calls;
    for (int i = 0; i < 40; ++i)
        calls.push_back(bench.create("n" + std::to_string(i) + (i % 2 ? "-early" : "-slow"), pids(bench.child())));
    for (const Pending& call : calls)
        REQUIRE(bench.answer(call)->text == "");
    CHECK(bench.list().size() == 40);
    CHECK(bench.emitted("SandboxNew") == 40);
    std::set<std::string> places;
    for (const std::unique_ptr<Child>& child : bench.processes())
        places.insert(child->controlGroup());
    CHECK(places.size() == 40);
}

TEST_CASE("a process that forks while it is moved takes its children along") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child(Child::Kind::Forking);
    REQUIRE(bench.answer(bench.create("web", pids(child)))->text == "");
    CHECK(bench.tree().read(bench.scopeOf("web"), "cgroup.procs").empty());
    CHECK(child.controlGroup() == bench.scopeOf("web") + "/payload");
}

TEST_CASE("what the daemon does not apply is told, and in a strict request refused") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    const Properties request = with(pids(child), "memory.swappiness", std::int64_t(10));
    REFUSED(bench, bench.create("web", with(request, "Strict", true)), fd("NotSupported"));
    REQUIRE(bench.answer(bench.create("web", request))->text == "");
    const std::string skipped = bench.property(bench.path("web"), Bench::kSandbox, "Skipped");
    CHECK(skipped.rfind("memory.swappiness ", 0) == 0);
}

TEST_CASE("the quota of sandboxes holds, and counts those that are starting", "[attack-52]") {
    NEEDS_CGROUPS();
    config::Config config = Bench::quick();
    config.sandboxes = 2;
    config.sandboxesPerUser = 1; // not root's
    Bench bench(config);
    bench.sandbox("one");
    Child& second = bench.child();
    Child& third = bench.child();
    Pending starting = bench.create("two-slow", pids(second));
    untilAsked(bench, bench.unitOf("two-slow"));
    CHECK(bench.answer(bench.create("three", pids(third)))->error == fd("LimitsExceeded"));
    CHECK(bench.answer(starting)->error == "");
    REFUSED(bench, bench.create("three", pids(third)), fd("LimitsExceeded"));
}
