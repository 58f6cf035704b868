// SPDX-License-Identifier: LGPL-2.1-or-later
// The end of a sandbox: asked for, caused by an administrator, or come by itself.
#include "bench.h"

#include "cgroup/group.h"

#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <functional>
#include <set>

using namespace scopewright;
using namespace scopewright::unit;
using namespace std::chrono_literals;

namespace {

/// The sandbox is no more, for PID 1, for the kernel and for clients.
void gone(Bench& bench, const std::string& id) {
    bench.settle();
    CHECK(bench.systemd.find(bench.unitOf(id)) == nullptr);
    CHECK_FALSE(bench.tree().exists(bench.scopeOf(id)));
    CHECK(bench.emitted("SandboxRemoved") == 1);
    CHECK(bench.emitted("InterfacesRemoved") >= 1);
    CHECK(bench.list().empty());
    CHECK(bench.answer(bench.manager(Bench::kRoot, "GetSandbox", id))->error == ours("NoSuchSandbox"));
}

Pending stop(Bench& bench, const std::string& id) {
    return bench.manager(Bench::kRoot, "StopSandbox", id);
}

Pending kill(Bench& bench, const std::string& id, int signal) {
    return bench.manager(Bench::kRoot, "KillSandbox", id, std::int32_t(signal));
}

} // namespace

TEST_CASE("a stopped sandbox is gone when the answer comes, its processes dead") {
    NEEDS_CGROUPS();
    for (const char* id : {"web", "a-stopslow"}) {
        CAPTURE(id);
        Bench bench;
        Child& child = bench.sandbox(id);
        REQUIRE(bench.answer(stop(bench, id))->text == "");
        CHECK_FALSE(child.alive());
        CHECK_FALSE(bench.tree().exists(bench.scopeOf(id)));
        gone(bench, id);
    }
}

TEST_CASE("a stop is over when the directory is gone, and asks PID 1 only for what it does not see by itself") {
    NEEDS_CGROUPS();
    Bench bench;
    // How often PID 1 was asked to stop the one of that id, which is gone then.
    const auto asked = [&](const std::string& id, std::chrono::milliseconds age) {
        Child& child = bench.sandbox(id);
        fake::passTime(age);
        REQUIRE(bench.answer(stop(bench, id))->text == "");
        CHECK_FALSE(child.alive());
        CHECK_FALSE(bench.tree().exists(bench.scopeOf(id)));
        return bench.systemd.logged("StopUnit " + bench.unitOf(id));
    };
    // Ten milliseconds are short on a busy machine: one of some is young when it is stopped, and of one that is old PID
    // 1 hears in time.
    std::set<std::size_t> young, old;
    for (int i = 0; i < 20 && !young.contains(1); ++i)
        young.insert(asked("young" + std::to_string(i), 0ms));
    CHECK(young.contains(1));
    for (int i = 0; i < 20 && !old.contains(0); ++i)
        old.insert(asked("old" + std::to_string(i), 20ms));
    CHECK(old.contains(0));
    // One that stays, although it is empty, is asked for after all.
    bench.sandbox("a-stopslow");
    fake::passTime(20ms);
    REQUIRE(bench.answer(stop(bench, "a-stopslow"))->text == "");
    CHECK(bench.systemd.logged("StopUnit " + bench.unitOf("a-stopslow")) == 1);
    CHECK(bench.list().empty());
}

TEST_CASE("a sandbox can be stopped through its object") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    const std::string path = bench.path("web");
    REQUIRE(bench.answer(bench.call(Bench::kRoot, path, Bench::kSandbox, "Stop"))->text == "");
    gone(bench, "web");
    CHECK(bench.answer(bench.call(Bench::kRoot, path, Bench::kSandbox, "Stop"))->error == ours("NoSuchSandbox"));
}

TEST_CASE("groups below the payload, and compat groups, go with their sandbox") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.sandbox("web");
    REQUIRE(bench.answer(bench.createCompat("web", "c1"))->text == "");
    bench.tree().make(bench.scopeOf("web") + "/payload/a/b");
    REQUIRE(bench.tree().move(bench.scopeOf("web") + "/payload/a/b", child.pid()));
    REQUIRE(bench.answer(stop(bench, "web"))->text == "");
    CHECK_FALSE(child.alive());
    gone(bench, "web");
}

TEST_CASE("clients are told why a sandbox is gone") {
    NEEDS_CGROUPS();
    struct Expected {
        const char* reason;
        std::function<void(Bench&, Child&)> end;
    };
    for (const Expected& row : {Expected{"stopped", [](Bench&b, Child&) { b.answer(stop(b, "web")); }},
                                Expected{"exited", [](Bench&, Child&c) { c.kill(); }},
                                Expected{"unit-stopped", [](Bench&b, Child&) { b.systemd.stop(b.unitOf("web")); }}}) {
        CAPTURE(row.reason);
        Bench bench;
        Child& child = bench.sandbox("web");
        const std::string object = bench.path("web");
        row.end(bench, child);
        REQUIRE(bench.until([&] { return bench.emitted("SandboxRemoved") == 1; }));
        REQUIRE(bench.emitted("Removed") == 1);
        const auto told = std::ranges::find(bench.signals(), "Removed", &fake::Signal::member);
        CHECK(told->path == object);
        sd_bus_message_rewind(told->message.raw(), 1);
        CHECK(std::get<0>(bus::unpack<std::string>(told->message)) == row.reason);
    }
}

TEST_CASE("a process whose leader has exited is killed as well", "[fault-40][attack-26]") {
    NEEDS_CGROUPS();
    for (const char* verb : {"StopSandbox", "KillSandbox"}) {
        CAPTURE(verb);
        Bench bench;
        bench.sandbox("web");
        // It cannot be brought in by a caller; its leader exits in the sandbox.
        Child& split = bench.child(Child::Kind::SplitLeader);
        REQUIRE(bench.tree().move(bench.scopeOf("web") + "/payload", split.pid()));
        REQUIRE(bench.tree().populated(bench.scopeOf("web") + "/payload"));
        REQUIRE(bench.answer(bench.end(verb, "web"))->text == "");
        CHECK(bench.until([&] { return !split.alive(); }));
        REQUIRE(bench.until([&] { return bench.emitted("SandboxRemoved") == 1; }));
        gone(bench, "web");
    }
}

TEST_CASE("groups nested deeper than a path can be are removed with their sandbox", "[fault-40][fault-58][attack-31]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.sandbox("web");
    const cgroup::Group root = cgroup::Group::openRoot(bench.tree().mountPoint());
    std::optional<cgroup::Group> current = root.open(bench.scopeOf("web") + "/payload");
    current->write("cgroup.max.depth", "max");
    current->write("cgroup.max.descendants", "max");
    const std::string name(100, 'd');
    for (int depth = 0; depth < 60; ++depth) {
        current->makeChild(name);
        current = current->child(name);
    }
    REQUIRE(current->tryWrite("cgroup.procs", std::to_string(child.pid())) == 0);
    current.reset();
    REQUIRE(bench.answer(stop(bench, "web"))->text == "");
    CHECK_FALSE(child.alive());
    gone(bench, "web");
}

TEST_CASE("the name of a stopped sandbox is free at once") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    REQUIRE(bench.answer(stop(bench, "web"))->text == "");
    Child& child = bench.sandbox("web");
    CHECK(child.controlGroup() == bench.scopeOf("web") + "/payload");
}

TEST_CASE("there is nothing to stop where there is no sandbox") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    REFUSED(bench, stop(bench, "other"), ours("NoSuchSandbox"));
    REFUSED(bench, kill(bench, "other", SIGTERM), ours("NoSuchSandbox"));
    REFUSED(bench, stop(bench, "../web"), fd("InvalidArgs"));
}

TEST_CASE("a sandbox that is starting is Busy for whoever wants to end or to change it") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    Pending creating = bench.create("a-hang", pids(child));
    REQUIRE(bench.until([&] { return bench.systemd.find(bench.unitOf("a-hang")) != nullptr; }));
    REFUSED(bench, stop(bench, "a-hang"), ours("Busy"));
    REFUSED(bench, kill(bench, "a-hang", SIGKILL), ours("Busy"));
    REFUSED(bench, bench.createCompat("a-hang", "c"), ours("Busy"));
    REFUSED(bench, bench.manager(Bench::kRoot, "RemoveGroup", "a-hang", "c"), ours("Busy"));
    CHECK(bench.state("a-hang") == "starting");
    bench.systemd.release(bench.unitOf("a-hang"));
    CHECK(bench.answer(creating)->text == "");
    CHECK(child.alive());
}

TEST_CASE("a second request for the end joins the first, and so do all later ones") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("a-stopslow");
    std::vector<Pending> calls;
    for (int i = 0; i < 10; ++i)
        calls.push_back(stop(bench, "a-stopslow"));
    for (const Pending& call : calls)
        CHECK(bench.answer(call)->text == "");
    CHECK(bench.systemd.logged("StopUnit " + bench.unitOf("a-stopslow")) == 1);
    gone(bench, "a-stopslow");
}

TEST_CASE("while a sandbox is stopping nothing else can be done to it") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("a-stophang");
    Pending stopping = stop(bench, "a-stophang");
    REQUIRE(bench.until([&] { return bench.systemd.logged("StopUnit " + bench.unitOf("a-stophang")) == 1; }));
    CHECK(bench.state("a-stophang") == "stopping");
    CHECK(bench.answer(kill(bench, "a-stophang", SIGTERM))->error == ours("Busy"));
    CHECK(bench.answer(bench.createCompat("a-stophang", "c"))->error == ours("Busy"));
    bench.systemd.release(bench.unitOf("a-stophang"));
    CHECK(bench.answer(stopping)->text == "");
    gone(bench, "a-stophang");
}

TEST_CASE("a stop job that hangs is a Timeout, and the sandbox can be stopped again") {
    NEEDS_CGROUPS();
    Bench bench(patience(60ms));
    bench.sandbox("a-stophang");
    CHECK(bench.answer(stop(bench, "a-stophang"))->error == fd("Timeout"));
    bench.settle();
    CHECK(bench.emitted("SandboxRemoved") == 0);
    bench.systemd.release(bench.unitOf("a-stophang"));
    REQUIRE(bench.until([&] { return bench.emitted("SandboxRemoved") == 1; }));
    gone(bench, "a-stophang");
}

TEST_CASE("a stop job that fails is UnitFailed") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("a-stopfail");
    CHECK(bench.answer(stop(bench, "a-stopfail"))->error == ours("UnitFailed"));
}

TEST_CASE("a sandbox that ends while a stop was on its way is success for the one who asked") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.sandbox("web");
    child.kill();
    Pending stopping = stop(bench, "web");
    CHECK((bench.answer(stopping)->error == "" || stopping->error == ours("NoSuchSandbox")));
    REQUIRE(bench.until([&] { return bench.emitted("SandboxRemoved") == 1; }));
    gone(bench, "web");
}

TEST_CASE("when the last process exits the objects go and the signal is sent, once", "[fault-34][fault-35]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& first = bench.child();
    Child& second = bench.child();
    REQUIRE(bench.answer(bench.create("web", pids({&first, &second})))->text == "");
    REQUIRE(bench.answer(bench.createCompat("web", "c1"))->text == "");
    first.kill();
    bench.pass(20ms);
    CHECK(bench.state("web") == "running");
    second.kill();
    REQUIRE(bench.until([&] { return bench.emitted("SandboxRemoved") == 1; }));
    gone(bench, "web");
    CHECK(bench.systemd.logged("StopUnit " + bench.unitOf("web")) == 0);
}

TEST_CASE("when an administrator stops the unit the objects go and the signal is sent", "[fault-33]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.sandbox("web");
    bench.systemd.stop(bench.unitOf("web"));
    REQUIRE(bench.until([&] { return bench.emitted("SandboxRemoved") == 1; }));
    CHECK_FALSE(child.alive());
    gone(bench, "web");
}

TEST_CASE("an id whose sandbox has just ended can be used before PID 1 has said a word") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.sandbox("web");
    child.kill();
    // The kernel's event and PID 1's signal are on their way while this is asked.
    bench.sandbox("web");
    CHECK(bench.list().size() == 1);
}

TEST_CASE("a signal reaches every process of a sandbox, wherever in it") {
    NEEDS_CGROUPS();
    for (const int signal : {SIGTERM, SIGKILL}) {
        CAPTURE(signal);
        Bench bench;
        Child& first = bench.child();
        Child& second = bench.child();
        Child& outside = bench.child();
        REQUIRE(bench.answer(bench.create("web", pids({&first, &second})))->text == "");
        bench.tree().make(bench.scopeOf("web") + "/payload/a");
        REQUIRE(bench.tree().move(bench.scopeOf("web") + "/payload/a", second.pid()));
        REQUIRE(bench.answer(kill(bench, "web", signal))->text == "");
        REQUIRE(bench.until([&] { return !first.alive() && !second.alive(); }));
        CHECK(outside.alive());
        REQUIRE(bench.until([&] { return bench.emitted("SandboxRemoved") == 1; }));
    }
}

TEST_CASE("a signal that is none is refused, and nobody gets one") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    const std::string path = bench.path("web");
    for (const int signal : {0, -1, 65, 1000}) {
        CAPTURE(signal);
        REFUSED(bench, kill(bench, "web", signal), fd("InvalidArgs"));
        REFUSED(bench, bench.call(Bench::kRoot, path, Bench::kSandbox, "Kill", std::int32_t(signal)),
                fd("InvalidArgs"));
    }
}

TEST_CASE("a stop under way may end with its service", "[fault-6]") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("a-stophang");
    Pending first = stop(bench, "a-stophang");
    Pending second = stop(bench, "a-stophang");
    REQUIRE(bench.until([&] { return bench.systemd.logged("StopUnit " + bench.unitOf("a-stophang")) == 1; }));
    bench.crash();
    bench.systemd.release(bench.unitOf("a-stophang"));
    bench.restart();
    CHECK(bench.list().empty());
}

TEST_CASE("forged news about a unit change nothing", "[attack-44]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.sandbox("web");
    const auto signal = [&](const char* path, const char* interface, const char* member, const char* types,
                            auto... args) {
        sd_bus_message* raw = nullptr;
        bus::check(sd_bus_message_new_signal(bench.peer(), &raw, path, interface, member), "signal");
        bus::Message message = bus::Message::adopt(raw);
        bus::check(sd_bus_message_append(raw, types, args...), "append");
        bench.emit(":1.666", message);
    };
    const std::string unit = bench.unitOf("web");
    constexpr const char* kPid1 = "/org/freedesktop/systemd1";
    constexpr const char* kManager = "org.freedesktop.systemd1.Manager";
    signal(kPid1, kManager, "UnitRemoved", "so", unit.c_str(), "/org/freedesktop/systemd1/unit/x");
    signal(kPid1, kManager, "Reloading", "b", 0);
    signal(kPid1, kManager, "JobRemoved", "uoss", 1U, "/org/freedesktop/systemd1/job/1", unit.c_str(), "failed");
    signal(kPid1, kManager, "UnitRemoved", "u", 7U);
    signal("/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged", "sss", "org.freedesktop.systemd1",
           ":1.1", "");
    REQUIRE(bench.until([&] { return bench.service().idle(); }));
    bench.settle();
    CHECK(child.alive());
    CHECK(bench.state("web") == "running");
    CHECK(bench.emitted("SandboxRemoved") == 0);
}
