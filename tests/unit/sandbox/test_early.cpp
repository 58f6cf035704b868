// SPDX-License-Identifier: LGPL-2.1-or-later
// What is done for a sandbox while PID 1 has moved its processes and has not yet said that the start is over.
#include "bench.h"
#include "faults.h"
#include "private_socket.h"

#include <cerrno>

using namespace scopewright;
using namespace scopewright::unit;
using namespace std::chrono_literals;
using scopewright::fake::Fault;

namespace {

/// Only on its own socket is what PID 1 tells of a unit believed.
class SocketBench : public Bench {
public:
    explicit SocketBench(const config::Config& config = quick()) : Bench(config) {
        useSocket(socket.path());
        restart();
    }

    std::string payloadOf(const std::string& id) { return scopeOf(id) + "/payload"; }

    /// A request whose job hangs once PID 1 has moved the process and the daemon has furnished the scope.
    Pending furnished(const std::string& id, const Child& process) {
        Pending request = create(id, pids(process));
        REQUIRE(until([&] { return process.controlGroup() == payloadOf(id); }));
        return request;
    }

    /// … once all that the request began is over.
    void checkNothingLeft(const Child& process, const std::string& home, const std::string& id) {
        REQUIRE(until([&] { return service().idle(); }));
        settle();
        Bench::checkNothingLeft(process, home, id);
    }

    fake::PrivateSocket socket{systemd, event()};
};

} // namespace

TEST_CASE("a scope is furnished while PID 1 starts it, and is a sandbox when PID 1 says that it is started") {
    NEEDS_CGROUPS();
    SocketBench bench;
    Child& child = bench.child();
    Pending request = bench.furnished("a-hangmoved", child);
    bench.settle();
    CHECK(bench.tree().read(bench.payloadOf("a-hangmoved"), "cgroup.max.depth") != "max\n");
    CHECK_FALSE(request->done);
    CHECK(bench.state("a-hangmoved") == "starting");
    CHECK(bench.emitted("SandboxNew") == 0);
    const Fault again("mkdirat", "payload", Fault::kNothing);
    const Fault moved("write", "payload/cgroup.procs", Fault::kNothing);
    bench.systemd.release(bench.unitOf("a-hangmoved"));
    CHECK(bench.answer(request)->text == "");
    CHECK(again.calls() + moved.calls() == 0);
    CHECK(child.controlGroup() == bench.payloadOf("a-hangmoved"));
    CHECK(bench.state("a-hangmoved") == "running");
    CHECK(bench.groups("a-hangmoved") == Lines{"payload payload"});
    // Nothing is left to ask PID 1.
    CHECK(bench.systemd.logged("StartTransientUnit " + bench.unitOf("a-hangmoved")) == 1);
    CHECK(bench.systemd.logged("ListUnitsByNames " + bench.unitOf("a-hangmoved")) == 0);
}

TEST_CASE("on the bus, where anybody can tell of units, a scope is furnished when its job is over") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    Pending request = bench.create("a-hangmoved", pids(child));
    REQUIRE(bench.until([&] { return child.controlGroup() == bench.scopeOf("a-hangmoved"); }));
    bench.settle();
    CHECK_FALSE(bench.tree().exists(bench.scopeOf("a-hangmoved") + "/payload"));
    bench.systemd.release(bench.unitOf("a-hangmoved"));
    CHECK(bench.answer(request)->text == "");
}

TEST_CASE("a start that fails after all leads processes back out of the payload", "[fault-19]") {
    NEEDS_CGROUPS();
    for (const char* result : {"failed", "canceled", "timeout"}) {
        CAPTURE(result);
        SocketBench bench;
        Child& child = bench.child();
        const std::string home = child.controlGroup();
        Pending request = bench.furnished("a-hangmoved", child);
        bench.systemd.release(bench.unitOf("a-hangmoved"), result);
        CHECK(bench.answer(request)->error == ours("UnitFailed"));
        bench.checkNothingLeft(child, home, "a-hangmoved");
    }
}

TEST_CASE("a start that is not over in time has its processes led back out of the payload at once", "[fault-16]") {
    NEEDS_CGROUPS();
    SocketBench bench(patience(60ms));
    Child& child = bench.child();
    const std::string home = child.controlGroup();
    const std::string unit = bench.unitOf("a-hangmoved");
    CHECK(bench.answer(bench.furnished("a-hangmoved", child))->error == fd("Timeout"));
    CHECK(child.controlGroup() == home);
    CHECK(bench.systemd.logged("StopUnit " + unit) == 0);
    bench.systemd.release(unit);
    bench.checkNothingLeft(child, home, "a-hangmoved");
}

TEST_CASE("a process that is moved away between its payload and the end of the start is no sandbox's") {
    NEEDS_CGROUPS();
    SocketBench bench;
    Child& child = bench.child();
    Child& other = bench.child();
    const std::string home = child.controlGroup();
    Pending request = bench.create("a-hangmoved", pids({&child, &other}));
    REQUIRE(bench.until([&] { return other.controlGroup() == bench.payloadOf("a-hangmoved"); }));
    const std::string elsewhere = bench.child().controlGroup();
    bench.tree().move(elsewhere, other.pid());
    bench.systemd.release(bench.unitOf("a-hangmoved"));
    CHECK(bench.answer(request)->error == ours("UnitFailed"));
    CHECK(other.controlGroup() == elsewhere);
    bench.checkNothingLeft(child, home, "a-hangmoved");
}

TEST_CASE("what cannot be done while a scope starts is tried again when it has started") {
    NEEDS_CGROUPS();
    for (const auto& [function, file] :
         std::vector<std::pair<const char*, const char*>>{{"mkdirat", "payload"},
                                                          {"openat2", "payload"},
                                                          {"write", "payload/cgroup.procs"},
                                                          {"fsetxattr", "payload/cgroup.max.depth"}}) {
        CAPTURE(function, file);
        SocketBench bench;
        Child& child = bench.child();
        const Fault once(function, file, EIO, 1);
        CHECK(bench.answer(bench.create("web", pids(child)))->text == "");
        CHECK(once.failed() == 1);
        CHECK(child.controlGroup() == bench.payloadOf("web"));
        CHECK(bench.systemd.logged("StartTransientUnit " + bench.unitOf("web")) == 1);
    }
    SocketBench bench;
    Child& child = bench.child();
    const std::string home = child.controlGroup();
    {
        const Fault always("mkdirat", "payload", ENOSPC);
        CHECK(bench.answer(bench.create("web", pids(child)))->error != "");
        CHECK(always.failed() > 1);
    }
    bench.checkNothingLeft(child, home, "web");
}

TEST_CASE("a daemon that dies when a starting scope is furnished leaves a sandbox to the next", "[fault-3]") {
    NEEDS_CGROUPS();
    for (const bool endsBefore : {true, false}) {
        CAPTURE(endsBefore);
        SocketBench bench;
        Child& child = bench.child();
        bench.furnished("a-hangmoved", child);
        bench.crash();
        const std::string unit = bench.unitOf("a-hangmoved");
        if (endsBefore) bench.systemd.release(unit);
        bench.restartWithoutWaiting();
        bench.settle();
        if (!endsBefore) bench.systemd.release(unit);
        REQUIRE(bench.until([&] { return !bench.list().empty(); }));
        CHECK(bench.state("a-hangmoved") == "running");
        CHECK(child.controlGroup() == bench.payloadOf("a-hangmoved"));
        CHECK(bench.groups("a-hangmoved") == Lines{"payload payload"});
    }
}
