// SPDX-License-Identifier: LGPL-2.1-or-later
#include "systemd/manager.h"

#include "catch.h"
#include "clock.h"
#include "systemd/pid1.h"
#include "world.h"

#include <sys/wait.h>

#include <algorithm>
#include <csignal>

using namespace scopewright;
using namespace std::chrono_literals;
using scopewright::fake::Child;
using scopewright::fake::World;
using Clock = std::chrono::steady_clock;

namespace {

/// What the sandbox layer sends, in short.
Properties scopeOf(std::uint32_t pid) {
    Properties properties;
    properties.push_back(Property{"Description", std::string("a test")});
    properties.push_back(Property{"Slice", std::string("scopewright.slice")});
    properties.push_back(Property{"Delegate", true});
    properties.push_back(Property{"CollectMode", std::string("inactive-or-failed")});
    properties.push_back(Property{"TimeoutStopUSec", std::uint64_t(10000000)});
    properties.push_back(Property{"PIDs", std::vector<std::uint32_t>(1, pid)});
    return properties;
}

struct Bench {
    explicit Bench(bus::Microseconds bound = 10s) : patience(bound), manager(pid1.link, patience) {}
    ~Bench() { CHECK(world.systemd.misuses() == std::vector<std::string>{}); }

    void start(const std::string& unit) { world.await(manager.startScope(unit, scopeOf(child.number()))); }

    World world;
    tests::OnTheBus pid1{world.connection()};
    bus::Microseconds patience;
    systemd::Manager manager;
    Child& child = world.child();
};

async::Task<void> note(async::Task<void> work, int& code) {
    code = -1;
    try {
        co_await work;
    } catch (const Error& error) {
        code = static_cast<int>(error.code());
    }
}

async::Task<void> countDone(async::Task<void> work, int& done) {
    co_await work;
    ++done;
}

} // namespace

#define NEEDS_CGROUPS()                                                                                                \
    if (const std::string why = fake::CgroupTree::whyNot(); !why.empty()) SKIP_TEST(why)

TEST_CASE("a scope is started when the call returns, and its process is in its control group") {
    NEEDS_CGROUPS();
    for (const char* unit : {"a.scope", "a-slow.scope", "a-early.scope"}) {
        CAPTURE(unit);
        Bench bench;
        bench.start(unit);
        CHECK(bench.child.controlGroup() == bench.world.tree().prefix() + "/scopewright.slice/" + unit);
        CHECK(bench.world.await(bench.manager.controlGroup(unit)) == bench.child.controlGroup());
        const std::optional<systemd::Unit> seen = bench.world.await(bench.manager.inspect(unit));
        REQUIRE(seen);
        CHECK(seen->active());
        CHECK(seen->name == unit);
        CHECK(seen->description == "a test");
        CHECK(seen->jobPath == "/");
    }
}

TEST_CASE("what is sent to PID 1 arrives with its type") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.start("a.scope");
    fake::Unit* unit = bench.world.systemd.find("a.scope");
    REQUIRE(unit);
    CHECK(std::holds_alternative<bool>(unit->properties["Delegate"]));
    CHECK(unit->text("Delegate") == "true");
    CHECK(std::holds_alternative<std::uint64_t>(unit->properties["TimeoutStopUSec"]));
    CHECK(unit->text("TimeoutStopUSec") == "10000000");
    CHECK(std::get<std::vector<std::uint32_t>>(unit->properties["PIDs"]) ==
          std::vector<std::uint32_t>{bench.child.number()});
}

TEST_CASE("a failed start job is UnitFailed and says how it ended") {
    NEEDS_CGROUPS();
    Bench bench;
    try {
        bench.start("a-fail.scope");
        FAIL("no error");
    } catch (const Error& error) {
        CHECK(error.code() == ErrorCode::UnitFailed);
        CHECK(std::string(error.what()) == "the start job of unit 'a-fail.scope' ended with 'failed'");
    }
    CHECK(bench.child.alive());
}

TEST_CASE("every other end of a start job is UnitFailed too", "[fault-19]") {
    NEEDS_CGROUPS();
    for (const char* result : {"canceled", "timeout", "dependency", "skipped", "invalid", "once", "collected"}) {
        CAPTURE(result);
        Bench bench;
        async::Scope scope(fake::Link::unexpected);
        int code = 0;
        scope.spawn(note(bench.manager.startScope("a-hang.scope", scopeOf(bench.child.number())), code));
        REQUIRE(bench.world.until([&] { return bench.world.systemd.find("a-hang.scope") != nullptr; }));
        bench.world.systemd.release("a-hang.scope", result);
        REQUIRE(bench.world.until([&] { return scope.running() == 0; }));
        CHECK(code == static_cast<int>(ErrorCode::UnitFailed));
    }
}

TEST_CASE("a start job that does not end in time is a Timeout") {
    NEEDS_CGROUPS();
    Bench bench(50ms);
    const Clock::time_point begin = Clock::now();
    REQUIRE_CODE(bench.start("a-hang.scope"), Timeout);
    CHECK(Clock::now() - begin >= 50ms);
    CHECK(Clock::now() - begin < 5s);
    CHECK(bench.world.systemd.logged("StopUnit a-hang.scope") == 0);
}

TEST_CASE("a start job whose signal is lost is found by asking", "[fault-17]") {
    NEEDS_CGROUPS();
    Bench bench(300ms);
    bench.start("a-lost.scope");
    CHECK(bench.child.controlGroup() == bench.world.tree().prefix() + "/scopewright.slice/a-lost.scope");
}

TEST_CASE("a lost signal is noticed long before the patience ends", "[fault-17]") {
    NEEDS_CGROUPS();
    Bench bench(60s);
    bench.world.onSilence = fake::skipToTimer;
    const Clock::time_point begin = Clock::now();
    bench.start("a-lost.scope");
    CHECK(Clock::now() - begin < 4s);
}

TEST_CASE("PID 1's refusal comes as the code for its name", "[fault-14][fault-15]") {
    NEEDS_CGROUPS();
    const std::vector<std::pair<std::string, ErrorCode>> names{
        {"org.freedesktop.systemd1.UnitExists", ErrorCode::UnitExists},
        {"org.freedesktop.DBus.Error.PropertyReadOnly", ErrorCode::PropertyRefused},
        {"org.freedesktop.DBus.Error.UnixProcessIdUnknown", ErrorCode::ProcessUnknown},
        {"org.freedesktop.DBus.Error.NoReply", ErrorCode::NoReply},
        {"org.freedesktop.DBus.Error.ServiceUnknown", ErrorCode::SystemdUnavailable},
        {"org.freedesktop.systemd1.TransactionIsDestructive", ErrorCode::Failed},
    };
    for (const auto& [name, code] : names) {
        CAPTURE(name);
        Bench bench;
        bench.world.systemd.refusal = name;
        int got = -1;
        try {
            bench.start("a-refuse.scope");
        } catch (const Error& error) {
            got = static_cast<int>(error.code());
        }
        CHECK(got == static_cast<int>(code));
    }
}

TEST_CASE("what the real PID 1 refuses is refused here, with the code that says why") {
    NEEDS_CGROUPS();
    Bench bench;
    Properties odd = scopeOf(bench.child.number());
    odd.push_back(Property{"NoSuchThing", true});
    CHECK_CODE(bench.world.await(bench.manager.startScope("a.scope", odd)), PropertyRefused);
    CHECK_CODE(bench.world.await(bench.manager.startScope("a.service", scopeOf(bench.child.number()))),
               InvalidArgument);
    CHECK_CODE(bench.world.await(bench.manager.startScope("a.scope", scopeOf(4194304))), ProcessUnknown);
    CHECK_CODE(bench.world.await(bench.manager.startScope("a.scope", Properties())), NotFound);
    bench.start("a.scope");
    CHECK_CODE(bench.world.await(bench.manager.startScope("a.scope", scopeOf(bench.child.number()))), UnitExists);
}

TEST_CASE("PIDFDs are for PID 1 from 255 on") {
    NEEDS_CGROUPS();
    for (const char* version : {"254.26", "255.4"}) {
        CAPTURE(version);
        Bench bench;
        bench.world.systemd.version = version;
        Properties properties = scopeOf(bench.child.number());
        properties.pop_back();
        properties.push_back(Property{"PIDFDs", BorrowedFds{{bench.child.pidfd()}}});
        const auto start = [&] { bench.world.await(bench.manager.startScope("a.scope", properties)); };
        if (version[2] == '4') {
            CHECK_CODE(start(), PropertyRefused);
        } else {
            start();
            CHECK(bench.child.controlGroup() == bench.world.tree().prefix() + "/scopewright.slice/a.scope");
        }
    }
}

TEST_CASE("a PID 1 that says nothing is NoReply", "[fault-15]") {
    NEEDS_CGROUPS();
    Bench bench(30ms);
    CHECK_CODE(bench.start("a-silent.scope"), NoReply);
    bench.world.systemd.deaf = true;
    CHECK_CODE(bench.world.await(bench.manager.version()), NoReply);
    CHECK_CODE(bench.world.await(bench.manager.inspect("a.scope")), NoReply);
    CHECK_CODE(bench.world.await(bench.manager.stopUnit("a.scope")), NoReply);
}

TEST_CASE("JobRemoved of another job does not end the wait, whoever sends it", "[fault-18]") {
    NEEDS_CGROUPS();
    Bench bench;
    async::Scope scope(fake::Link::unexpected);
    int code = 0;
    scope.spawn(note(bench.manager.startScope("a-hang.scope", scopeOf(bench.child.number())), code));
    REQUIRE(bench.world.until([&] { return bench.world.systemd.find("a-hang.scope") != nullptr; }));
    const std::uint32_t job = bench.world.systemd.lastJob();
    bench.world.systemd.spoofJobRemoved("a-hang.scope", job + 1, "failed");
    bench.world.systemd.spoofJobRemoved("b.scope", job, "failed");
    bench.world.settle();
    CHECK(scope.running() == 1);
    bench.world.systemd.release("a-hang.scope");
    REQUIRE(bench.world.until([&] { return scope.running() == 0; }));
    CHECK(code == -1);
}

TEST_CASE("a stopped unit is gone with its processes when the call returns") {
    NEEDS_CGROUPS();
    Bench bench;
    for (const char* unit : {"a.scope", "a-stopslow.scope"}) {
        CAPTURE(unit);
        Child& child = bench.world.child();
        bench.world.await(bench.manager.startScope(unit, scopeOf(child.number())));
        bench.world.await(bench.manager.stopUnit(unit));
        CHECK_FALSE(bench.world.await(bench.manager.inspect(unit)));
        CHECK_FALSE(child.alive());
        CHECK_FALSE(bench.world.tree().exists(bench.world.tree().prefix() + "/scopewright.slice/" + unit));
    }
}

TEST_CASE("to stop a unit that is not there is success") {
    NEEDS_CGROUPS();
    Bench bench;
    CHECK_NOTHROW(bench.world.await(bench.manager.stopUnit("a.scope")));
}

TEST_CASE("a stop job that hangs is a Timeout, one that fails is UnitFailed") {
    NEEDS_CGROUPS();
    Bench bench(50ms);
    bench.start("a-stophang.scope");
    CHECK_CODE(bench.world.await(bench.manager.stopUnit("a-stophang.scope")), Timeout);
    Child& other = bench.world.child();
    bench.world.await(bench.manager.startScope("a-stopfail.scope", scopeOf(other.number())));
    CHECK_CODE(bench.world.await(bench.manager.stopUnit("a-stopfail.scope")), UnitFailed);
}

TEST_CASE("a reset failure frees the unit's name, and nothing to reset is success") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.world.systemd.addUnit("a.scope", "old", "failed");
    CHECK_CODE(bench.start("a.scope"), UnitExists);
    bench.world.await(bench.manager.resetFailed("a.scope"));
    CHECK_NOTHROW(bench.world.await(bench.manager.resetFailed("a.scope")));
    bench.start("a.scope");
    CHECK(bench.world.systemd.find("a.scope")->description == "a test");
}

TEST_CASE("a signal reaches every process of a unit") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.start("a.scope");
    bench.world.await(bench.manager.killUnit("a.scope", SIGKILL));
    CHECK(bench.world.until([&] { return !bench.child.alive(); }));
    CHECK(bench.world.until([&] { return bench.world.systemd.find("a.scope") == nullptr; }));
    CHECK_CODE(bench.world.await(bench.manager.killUnit("a.scope", SIGKILL)), NoSuchUnit);
}

TEST_CASE("only scopes are listed, whatever their state") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.start("a.scope");
    bench.world.systemd.addUnit("b.scope", "a failed one", "failed");
    bench.world.systemd.addUnit("c.service", "a service", "active");
    std::vector<std::string> names;
    for (const systemd::Unit& unit : bench.world.await(bench.manager.listScopes()))
        names.push_back(unit.name + " " + unit.activeState);
    std::sort(names.begin(), names.end());
    CHECK(names == std::vector<std::string>{"a.scope active", "b.scope failed"});
}

TEST_CASE("a unit that PID 1 does not know is nothing, and has no control group") {
    NEEDS_CGROUPS();
    Bench bench;
    CHECK_FALSE(bench.world.await(bench.manager.inspect("a.scope")));
    CHECK(bench.world.await(bench.manager.controlGroup("a.scope")).empty());
}

TEST_CASE("the version is what PID 1 says, word for word") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.world.systemd.version = "v245.4-1.fc32";
    CHECK(bench.world.await(bench.manager.version()) == "v245.4-1.fc32");
}

TEST_CASE("two hundred scopes can be started at once") {
    NEEDS_CGROUPS();
    Bench bench;
    constexpr int kScopes = 200;
    int done = 0;
    async::Scope scope(fake::Link::unexpected);
    for (int i = 0; i < kScopes; ++i) {
        const std::string unit = "a-" + std::to_string(i) +
                                 (i % 3 == 0   ? "-slow.scope"
                                  : i % 3 == 1 ? "-early.scope"
                                               : ".scope");
        scope.spawn(countDone(bench.manager.startScope(unit, scopeOf(bench.child.number())), done));
    }
    CHECK(bench.world.until([&] { return done == kScopes; }));
    CHECK(scope.running() == 0);
}

TEST_CASE("a start that is given up leaves no watch and no call behind") {
    NEEDS_CGROUPS();
    Bench bench;
    int done = 0;
    {
        async::Scope scope(fake::Link::unexpected);
        for (const char* unit : {"a-hang.scope", "b-silent.scope", "c-slow.scope"})
            scope.spawn(countDone(bench.manager.startScope(unit, scopeOf(bench.child.number())), done));
        bench.world.settle();
    }
    bench.world.systemd.release("a-hang.scope");
    bench.world.pass(80ms);
    CHECK(done == 0);
}
