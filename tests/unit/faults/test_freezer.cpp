// SPDX-License-Identifier: LGPL-2.1-or-later
// The freezer where the kernel has none, where it does not come to an end, and where somebody else uses it too.
#include "cgroup/group.h"
#include "faults.h"
#include "sandbox/bench.h"

#include <csignal>

using namespace scopewright;
using namespace scopewright::unit;
using namespace std::chrono_literals;
using fake::Fault;

namespace {

Pending freeze(Bench& bench, const std::string& id) {
    return bench.manager(Bench::kRoot, "FreezeSandbox", id);
}

Pending thaw(Bench& bench, const std::string& id) {
    return bench.manager(Bench::kRoot, "ThawSandbox", id);
}

bool frozen(Bench& bench, const std::string& controlGroup) {
    return bench.tree().read(controlGroup, "cgroup.events").find("frozen 1") != std::string::npos;
}

void write(Bench& bench, const std::string& controlGroup, const char* text) {
    const std::optional<cgroup::Group> group = cgroup::Group::openRoot(bench.tree().mountPoint()).open(controlGroup);
    REQUIRE(group);
    REQUIRE(group->write("cgroup.freeze", text));
}

} // namespace

TEST_CASE("on a kernel that cannot freeze all but that works", "[fault-43]") {
    NEEDS_CGROUPS();
    Bench bench;
    const Fault fault("openat", "/cgroup.freeze", ENOENT);
    Child& child = bench.sandbox("web");
    CHECK(bench.answer(freeze(bench, "web"))->error == fd("NotSupported"));
    CHECK(bench.state("web") == "running");
    CHECK(bench.answer(bench.createCompat("web", "c1"))->text == "");
    bench.restart();
    CHECK(bench.state("web") == "running");
    CHECK(bench.answer(bench.manager(Bench::kRoot, "StopSandbox", "web"))->text == "");
    CHECK(fault.failed() > 0);
    CHECK_FALSE(child.alive());
    CHECK_FALSE(bench.tree().exists(bench.scopeOf("web")));
}

TEST_CASE("a freeze that never comes to its end is a Timeout, and the sandbox runs on", "[fault-44]") {
    NEEDS_CGROUPS();
    Bench bench(patience(80ms));
    Child& child = bench.sandbox("web");
    const std::string payload = bench.scopeOf("web") + "/payload";
    const std::string other = bench.scopeOf("web") + "/other";
    REQUIRE(bench.answer(bench.manager(Bench::kRoot, "CreateGroup", "web", "other", Properties(), std::uint64_t(0)))
                ->text == "");
    {
        // As with a process that waits for a device: the kernel takes the wish and does not report that it is done.
        // What is in the payload does stand still.
        const Fault fault("write", "/other/cgroup.freeze", Fault::kLost, 1);
        CHECK(bench.answer(freeze(bench, "web"))->error == fd("Timeout"));
        CHECK(fault.failed() == 1);
    }
    CHECK(bench.state("web") == "running");
    for (const std::string& group : {payload, other}) {
        CHECK(bench.tree().read(group, "cgroup.freeze") == "0\n");
        CHECK_FALSE(frozen(bench, group));
    }
    CHECK(child.alive());
    // Nothing of it is in the way of the next one.
    CHECK(bench.answer(freeze(bench, "web"))->text == "");
    CHECK(bench.state("web") == "frozen");
    CHECK(frozen(bench, payload));
    CHECK(bench.answer(thaw(bench, "web"))->text == "");
    CHECK(bench.state("web") == "running");
    CHECK_FALSE(frozen(bench, payload));
}

TEST_CASE("the end of a sandbox does not wait for a freeze that does not come", "[fault-44]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.sandbox("web");
    const Fault fault("write", "/payload/cgroup.freeze", Fault::kLost, 1);
    Pending freezing = freeze(bench, "web");
    REQUIRE(bench.until([&] { return fault.failed() == 1; }));
    const auto begun = std::chrono::steady_clock::now();
    CHECK(bench.answer(bench.manager(Bench::kRoot, "StopSandbox", "web"))->text == "");
    CHECK(std::chrono::steady_clock::now() - begun < 1s);
    CHECK_FALSE(child.alive());
    bench.skipSilence();
    CHECK_FALSE(bench.answer(freezing)->error.empty());
}

TEST_CASE("what somebody else has frozen and what a client has frozen are two things", "[fault-45]") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    const std::string scope = bench.scopeOf("web");
    const std::string slice = scope.substr(0, scope.rfind('/'));
    // As systemd does with user.slice while the machine sleeps; and with the scope, when it is told to.
    for (const std::string& above : {slice, scope}) {
        CAPTURE(above);
        CHECK(bench.answer(freeze(bench, "web"))->text == "");
        write(bench, above, "1");
        REQUIRE(bench.until([&] { return frozen(bench, scope + "/payload"); }));
        write(bench, above, "0");
        bench.pass(20ms);
        // Ours stays.
        CHECK(frozen(bench, scope + "/payload"));
        CHECK(bench.state("web") == "frozen");

        write(bench, above, "1");
        // Theirs stays, whatever a client wishes; the wish is remembered.
        CHECK(bench.answer(thaw(bench, "web"))->text == "");
        CHECK(frozen(bench, scope + "/payload"));
        CHECK(bench.tree().read(scope + "/payload", "cgroup.freeze") == "0\n");
        write(bench, above, "0");
        REQUIRE(bench.until([&] { return !frozen(bench, scope + "/payload"); }));
        CHECK(bench.state("web") == "running");
    }
    // The next daemon knows what was wished for.
    CHECK(bench.answer(freeze(bench, "web"))->text == "");
    bench.restart();
    CHECK(bench.state("web") == "frozen");
    CHECK(bench.answer(thaw(bench, "web"))->text == "");
    CHECK_FALSE(frozen(bench, scope + "/payload"));
}

TEST_CASE("without cgroup.kill what is frozen dies too", "[fault-42]") {
    NEEDS_CGROUPS();
    for (const char* method : {"StopSandbox", "KillSandbox"}) {
        CAPTURE(method);
        Bench bench;
        Child& child = bench.child(Child::Kind::Forking);
        REQUIRE(bench.answer(bench.create("web", pids(child)))->text == "");
        REQUIRE(bench.answer(freeze(bench, "web"))->text == "");
        const Fault fault("openat", "/cgroup.kill", ENOENT);
        CHECK(bench.answer(bench.end(method, "web"))->text == "");
        CHECK(fault.failed() >= 1);
        REQUIRE(bench.until([&] { return bench.emitted("SandboxRemoved") == 1; }));
        CHECK_FALSE(child.alive());
    }
}
