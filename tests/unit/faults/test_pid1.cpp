// SPDX-License-Identifier: LGPL-2.1-or-later
// What PID 1 and the bus may do wrong, row by row of docs/faults.md.
#include "faults.h"
#include "sandbox/bench.h"

#include <algorithm>
#include <set>

using namespace scopewright;
using namespace scopewright::unit;
using namespace std::chrono_literals;

namespace {

void untilAsked(Bench& bench, const std::string& id) {
    REQUIRE(bench.until([&] { return bench.systemd.find(bench.unitOf(id)) != nullptr; }));
}

Pending stop(Bench& bench, const std::string& id) {
    return bench.manager(Bench::kRoot, "StopSandbox", id);
}

} // namespace

TEST_CASE("a start that PID 1 forgets as it renews itself is asked for again", "[fault-14]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    REQUIRE(bench.answer(bench.create("a-forgets", pids(child)))->text == "");
    CHECK(bench.systemd.logged("StartTransientUnit " + bench.unitOf("a-forgets")) == 2);
    CHECK(bench.emitted("SandboxNew") == 1);
    CHECK(child.controlGroup() == bench.scopeOf("a-forgets") + "/payload");
}

TEST_CASE("while PID 1 is dumb, what needs only the kernel works, and the rest is SystemdUnavailable", "[fault-15]") {
    NEEDS_CGROUPS();
    Bench bench(patience(60ms));
    bench.sandbox("web");
    bench.sandbox("ending");
    bench.systemd.deaf = true;

    CHECK(bench.list().size() == 2);
    CHECK(bench.groups("web") == Lines{"payload payload"});
    CHECK(bench.state("web") == "running");
    CHECK(bench.answer(bench.createCompat("web", "c1"))->text == "");
    CHECK(bench.answer(bench.manager(Bench::kRoot, "UpdateGroup", "web", "c1", Properties()))->text == "");
    CHECK(bench.answer(bench.manager(Bench::kRoot, "RemoveGroup", "web", "c1"))->text == "");
    CHECK(bench.describe().find("\"web\"") != std::string::npos);

    std::vector<Pending> calls;
    for (int i = 0; i < 80; ++i)
        calls.push_back(bench.create("n" + std::to_string(i), pids(bench.child())));
    Pending ending = stop(bench, "ending");
    for (const Pending& call : calls) {
        const std::string error = bench.answer(call)->error;
        // Timeout is for those whose turn has not come.
        CHECK((error == ours("SystemdUnavailable") || error == fd("Timeout")));
    }
    // It still sees by itself that a scope is empty, and the kernel tells when that is gone: in time or not.
    bench.answer(ending);
    CHECK((ending->error == "" || ending->error == ours("SystemdUnavailable")));

    bench.systemd.deaf = false;
    CHECK(bench.answer(stop(bench, "web"))->text == "");
    REQUIRE(bench.until([&] { return bench.list().empty() && bench.service().idle(); }));
    bench.sandbox("n0");
}

TEST_CASE("a PID 1 that takes its time is waited for, and the sandbox shows that it starts", "[fault-16]") {
    NEEDS_CGROUPS();
    Bench bench(config::Config{});
    // Longer than it takes to lose patience with a signal and ask.
    bench.systemd.delay = 2400ms;
    Child& child = bench.child();
    Pending request = bench.create("a-late-slow", pids(child));
    untilAsked(bench, "a-late-slow");
    CHECK(bench.state("a-late-slow") == "starting");
    bench.skipSilence();
    CHECK(bench.answer(request)->text == "");
    CHECK(bench.state("a-late-slow") == "running");
    CHECK(child.controlGroup() == bench.scopeOf("a-late-slow") + "/payload");
}

TEST_CASE("a JobRemoved that comes twice is one", "[fault-18]") {
    NEEDS_CGROUPS();
    Bench bench;
    for (int round = 0; round < 3; ++round) {
        bench.sandbox("a-twice");
        CHECK(bench.emitted("SandboxNew") == static_cast<std::size_t>(round + 1));
        REQUIRE(bench.answer(stop(bench, "a-twice"))->text == "");
        CHECK(bench.emitted("SandboxRemoved") == static_cast<std::size_t>(round + 1));
    }
    CHECK(bench.systemd.logged("StartTransientUnit " + bench.unitOf("a-twice")) == 3);
    CHECK(bench.systemd.logged("StopUnit " + bench.unitOf("a-twice")) == 3);
}

TEST_CASE("whatever ends a start job, the process goes home and the name is free", "[fault-19]") {
    NEEDS_CGROUPS();
    for (const char* id : {"a-hang", "a-hangmoved"})
        for (const char* result : {"canceled", "timeout", "dependency", "failed", "skipped", "frozen"}) {
            CAPTURE(id, result);
            Bench bench;
            Child& child = bench.child();
            const std::string home = child.controlGroup();
            Pending request = bench.create(id, pids(child));
            untilAsked(bench, id);
            if (std::string(id) == "a-hangmoved") REQUIRE(bench.until([&] { return child.controlGroup() != home; }));
            bench.systemd.release(bench.unitOf(id), result);
            CHECK(bench.answer(request)->error == ours("UnitFailed"));
            CHECK(request->text.find(result) != std::string::npos);
            REQUIRE(bench.until([&] { return bench.systemd.names().empty() && bench.service().idle(); }));
            CHECK(child.alive());
            CHECK(child.controlGroup() == home);
            CHECK(bench.list().empty());
            CHECK(bench.emitted("SandboxNew") == 0);

            request = bench.create(id, pids(child));
            untilAsked(bench, id);
            bench.systemd.release(bench.unitOf(id));
            CHECK(bench.answer(request)->text == "");
        }
}

TEST_CASE("of two requests for one id with two tokens one wins, and the loser's process stays where it is",
          "[fault-10]") {
    NEEDS_CGROUPS();
    for (const char* id : {"a-slow", "a-early", "a-late"}) {
        CAPTURE(id);
        Bench bench;
        Child& one = bench.child();
        Child& two = bench.child();
        const std::string home = two.controlGroup();
        Pending first = bench.create(id, with(pids(one), "Token", std::string("t-1")));
        Pending second = bench.create(id, with(pids(two), "Token", std::string("t-2")));
        CHECK(bench.answer(first)->text == "");
        CHECK(bench.answer(second)->error == ours("SandboxExists"));
        CHECK(two.controlGroup() == home);
        CHECK(bench.systemd.logged("StartTransientUnit " + bench.unitOf(id)) == 1);
    }
}

TEST_CASE("an isolate ends what runs and cancels what starts", "[fault-19][fault-33]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& running = bench.sandbox("web");
    Child& starting = bench.child();
    const std::string home = starting.controlGroup();
    Pending request = bench.create("a-hang", pids(starting));
    untilAsked(bench, "a-hang");
    bench.systemd.isolate();
    CHECK(bench.answer(request)->error == ours("UnitFailed"));
    CHECK(starting.alive());
    CHECK(starting.controlGroup() == home);
    REQUIRE(bench.until([&] { return bench.emitted("SandboxRemoved") == 1; }));
    CHECK_FALSE(running.alive());
    CHECK(bench.list().empty());
}

TEST_CASE("sandboxes whose slice is stopped are each told of once, and none is made again", "[fault-33][fault-59]") {
    NEEDS_CGROUPS();
    Bench bench;
    constexpr std::size_t kCount = 40;
    for (std::size_t i = 0; i < kCount; ++i)
        bench.sandbox("n" + std::to_string(i));
    REQUIRE(bench.list().size() == kCount);
    const std::size_t asked = bench.systemd.log().size();
    bench.systemd.isolate();
    REQUIRE(bench.until([&] { return bench.emitted("SandboxRemoved") == kCount && bench.service().idle(); }));
    CHECK(bench.list().empty());
    bench.pass(50ms);
    CHECK(bench.emitted("SandboxRemoved") == kCount);
    CHECK(bench.systemd.names().empty());
    const auto start = bench.systemd.log().begin() + static_cast<std::ptrdiff_t>(asked);
    CHECK(std::none_of(start, bench.systemd.log().end(),
                       [](const std::string& line) { return line.starts_with("StartTransientUnit"); }));
}

TEST_CASE("with one process of several dead, PID 1 is not asked and nobody is moved", "[fault-37][fault-38]") {
    NEEDS_CGROUPS();
    Bench bench;
    std::vector<const Child*> all;
    for (int i = 0; i < 3; ++i)
        all.push_back(&bench.child());
    Child& dead = bench.child();
    Child& zombie = bench.child(Child::Kind::Zombie);
    dead.kill();
    for (const Child* late : {&dead, &zombie}) {
        std::vector<const Child*> list = all;
        list.push_back(late);
        list.push_back(&bench.child());
        const std::size_t asked = bench.systemd.log().size();
        REFUSED(bench, bench.create("web", pids(list)), fd("UnixProcessIdUnknown"));
        CHECK(bench.answer(bench.create("web", pids(list)))->text.find(std::to_string(late->pid())) !=
              std::string::npos);
        CHECK(bench.systemd.log().size() == asked);
    }
}

TEST_CASE("a process that dies after our look makes PID 1 refuse them all, and nobody is moved", "[fault-38]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& first = bench.child();
    Child& dying = bench.child();
    const std::string home = first.controlGroup();
    const std::string source = dying.controlGroup();
    bool once = true;
    fake::Fault look("openat2", source.substr(source.rfind('/')), fake::Fault::kNothing);
    look.before = [&](int) {
        if (std::exchange(once, false)) {
            dying.kill();
            dying.reap();
        }
    };
    CHECK(bench.answer(bench.create("web", pids({&first, &dying})))->error == fd("UnixProcessIdUnknown"));
    CHECK(look.calls() > 0);
    CHECK(first.alive());
    CHECK(first.controlGroup() == home);
    CHECK(bench.systemd.names().empty());
    CHECK(bench.list().empty());
}

TEST_CASE("a group of a sandbox that has ended is no more, however often one asks", "[fault-35]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.sandbox("web");
    REQUIRE(bench.answer(bench.createCompat("web", "c1"))->text == "");
    child.kill();
    REQUIRE(bench.until([&] { return bench.emitted("SandboxRemoved") == 1; }, 1s));
    for (int turn = 0; turn < 2; ++turn)
        CHECK(bench.answer(bench.manager(Bench::kRoot, "RemoveGroup", "web", "c1"))->error == ours("NoSuchSandbox"));
    CHECK_FALSE(bench.tree().exists(bench.scopeOf("web")));
}

TEST_CASE("after a restart of everything the daemon starts empty", "[fault-63]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.sandbox("web");
    REQUIRE(bench.answer(bench.createCompat("web", "c1"))->text == "");
    bench.crash();
    child.kill();
    REQUIRE(bench.until([&] { return bench.systemd.names().empty(); }));
    const std::size_t asked = bench.systemd.log().size();
    bench.restart();
    CHECK(bench.list().empty());
    CHECK(bench.systemd.log().size() == asked);
    bench.sandbox("web");
    CHECK(bench.groups("web") == Lines{"payload payload"});
}

TEST_CASE("a systemd that is newer than any that is known is treated as the newest", "[fault-64]") {
    NEEDS_CGROUPS();
    for (const char* version : {"262.1", "263~rc1", "999"}) {
        CAPTURE(version);
        Bench bench;
        bench.systemd.version = version;
        bench.restart();
        Child& child = bench.sandbox("web");
        CHECK(child.controlGroup() == bench.scopeOf("web") + "/payload");
        fake::Unit* unit = bench.systemd.find(bench.unitOf("web"));
        REQUIRE(unit);
        CHECK(unit->properties.count("PIDFDs") == 1);
        CHECK(unit->properties.count("PIDs") == 0);
    }
}

TEST_CASE("directories that a unit left behind are neither a sandbox nor in the way of one", "[fault-58]") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.crash();
    bench.tree().make(bench.scopeOf("web") + "/payload/deep/deeper");
    bench.restart();
    CHECK(bench.list().empty());
    Child& child = bench.sandbox("web");
    CHECK(child.controlGroup() == bench.scopeOf("web") + "/payload");
    CHECK(bench.groups("web") == Lines{"payload payload"});
    REQUIRE(bench.answer(stop(bench, "web"))->text == "");
    CHECK_FALSE(bench.tree().exists(bench.scopeOf("web")));
}
