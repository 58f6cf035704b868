// SPDX-License-Identifier: LGPL-2.1-or-later
// Compat groups: process-less, best effort, and gone with their scope.
#include "bench.h"

#include <algorithm>
#include <sstream>

using namespace scopewright;
using namespace scopewright::unit;

namespace {

const std::string kHex64 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// What README and the issue promise.
Properties container() {
    Properties properties;
    properties = with(properties, "memory.limit", std::int64_t(268435456));
    properties = with(properties, "memory.reservation", std::int64_t(134217728));
    properties = with(properties, "memory.swap", std::int64_t(268435456));
    properties = with(properties, "cpu.shares", std::int64_t(512));
    properties = with(properties, "cpu.quota", std::int64_t(50000));
    properties = with(properties, "cpu.period", std::int64_t(100000));
    properties = with(properties, "pids.limit", std::int64_t(64));
    return properties;
}

bool has(const std::string& words, const std::string& word) {
    std::istringstream stream(words);
    for (std::string one; stream >> one;)
        if (one == word) return true;
    return false;
}

Pending remove(Bench& bench, const std::string& id, const std::string& group) {
    return bench.manager(Bench::kRoot, "RemoveGroup", id, group);
}

} // namespace

TEST_CASE("a compat group is a directory in the scope, with an object, a signal and no process") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.sandbox("web");
    const std::string name = "cri-containerd-" + kHex64 + ".scope";
    Pending reply = bench.answer(bench.createCompat("web", name, container()));
    REQUIRE(reply->text == "");
    const auto [object, group] = reply->values<bus::ObjectPath, std::string>();
    CHECK(group == bench.scopeOf("web") + "/" + name);
    CHECK(bench.tree().exists(group));
    CHECK_FALSE(bench.tree().populated(group));
    CHECK(bench.property(object.path, Bench::kGroup, "Name") == name);
    CHECK(bench.property(object.path, Bench::kGroup, "Kind") == "compat");
    CHECK(bench.property(object.path, Bench::kGroup, "ControlGroup") == group);
    CHECK(bench.groups("web") == Lines{name + " compat", "payload payload"});
    CHECK(bench.property(bench.path("web"), Bench::kSandbox, "Groups") == name + " payload");
    CHECK(bench.emitted("GroupNew") == 1);
    CHECK(child.controlGroup() == bench.scopeOf("web") + "/payload");
}

TEST_CASE("each resource of a compat group is in its file, or told to be missing and why", "[fault-30]") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    REQUIRE(bench.answer(bench.createCompat("web", "c", container()))->text == "");
    const std::string group = bench.scopeOf("web") + "/c";
    const std::string skipped = bench.property(bench.path("web") + "/group/c", Bench::kGroup, "Skipped");
    struct Expected {
        const char* key;
        const char* controller;
        const char* file;
        const char* value;
    };
    for (const Expected& row : {Expected{"memory.limit", "memory", "memory.max", "268435456\n"},
                                Expected{"memory.reservation", "memory", "memory.min", "134217728\n"},
                                Expected{"memory.swap", "memory", "memory.swap.max", "0\n"},
                                Expected{"cpu.shares", "cpu", "cpu.weight", "20\n"},
                                Expected{"cpu.quota", "cpu", "cpu.max", "50000 100000\n"},
                                Expected{"pids.limit", "pids", "pids.max", "64\n"}}) {
        CAPTURE(row.key);
        if (has(bench.tree().read(group, "cgroup.controllers"), row.controller)) {
            CHECK(bench.tree().read(group, row.file) == row.value);
            CHECK_FALSE(has(skipped, row.key));
        } else {
            CHECK(has(skipped, row.key));
            CHECK(skipped.find("controller '" + std::string(row.controller) + "'") != std::string::npos);
        }
    }
}

TEST_CASE("a strict compat group that cannot be had whole leaves nothing behind", "[fault-30]") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    const Properties missing = with(Properties(), "memory.swappiness", std::int64_t(10));
    REFUSED(bench, bench.createCompat("web", "c", with(missing, "Strict", true)), fd("NotSupported"));
    if (!has(bench.tree().read(bench.scopeOf("web"), "cgroup.controllers"), "memory"))
        REFUSED(bench, bench.createCompat("web", "c", with(container(), "Strict", true)),
                ours("ControllerUnavailable"));
    CHECK(bench.answer(bench.createCompat("web", "c", missing))->text == "");
}

TEST_CASE("a controller that the configuration leaves out is not written") {
    NEEDS_CGROUPS();
    config::Config config = Bench::quick();
    config.controllers = {};
    Bench bench(config);
    bench.sandbox("web");
    REQUIRE(bench.answer(bench.createCompat("web", "c", container()))->text == "");
    const std::string skipped = bench.property(bench.path("web") + "/group/c", Bench::kGroup, "Skipped");
    CHECK(skipped.find("[compat] controllers") != std::string::npos);
}

TEST_CASE("a compat group can be made through the sandbox's object") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    Pending reply = bench.answer(bench.call(Bench::kRoot, bench.path("web"), Bench::kSandbox, "CreateCompatGroup", "c",
                                            container(), std::uint64_t(0)));
    REQUIRE(reply->text == "");
    CHECK(std::get<0>(reply->values<bus::ObjectPath>()).path == bench.path("web") + "/group/c");
}

TEST_CASE("the directory's name follows the template, the group's stays the caller's") {
    NEEDS_CGROUPS();
    config::Config config = Bench::quick();
    config.nameTemplate = "cri-{id}-{name}.scope";
    Bench bench(config);
    bench.sandbox("web");
    Pending reply = bench.answer(bench.createCompat("web", "c"));
    REQUIRE(reply->text == "");
    CHECK(std::get<1>(reply->values<bus::ObjectPath, std::string>()) == bench.scopeOf("web") + "/cri-web-c.scope");
    CHECK(bench.groups("web") == Lines{"c compat", "payload payload"});
    bench.restart();
    CHECK(bench.groups("web") == Lines{"c compat", "payload payload"});
    CHECK(bench.answer(remove(bench, "web", "c"))->text == "");
    CHECK_FALSE(bench.tree().exists(bench.scopeOf("web") + "/cri-web-c.scope"));
}

TEST_CASE("a name that is taken is GroupExists") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    REQUIRE(bench.answer(bench.createCompat("web", "c"))->text == "");
    REFUSED(bench, bench.createCompat("web", "c"), ours("GroupExists"));
    REFUSED(bench, bench.createCompat("web", "payload"), ours("GroupExists"));
}

TEST_CASE("bad names, keys, values and flags of a compat group are refused, and nothing is made") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    for (const std::string& name : {std::string(""), std::string(".."), std::string("a/b"), std::string("../x"),
                                    std::string("memory.max"), std::string("cgroup.x"), std::string("x\ny"),
                                    std::string("A"), std::string(129, 'a'), std::string("pids.max")}) {
        CAPTURE(name);
        REFUSED(bench, bench.createCompat("web", name), fd("InvalidArgs"));
    }
    const auto refuse = [&](const char* key, const Value& value, const std::string& error) {
        CAPTURE(key);
        REFUSED(bench, bench.createCompat("web", "c", with(Properties(), key, value)), error);
    };
    refuse("memory.limit", std::int64_t(0), fd("InvalidArgs"));
    refuse("memory.limit", std::int64_t(1), fd("InvalidArgs"));
    refuse("memory.limit", std::int64_t(4095), fd("InvalidArgs"));
    refuse("memory.limit", std::int64_t(-2), fd("InvalidArgs"));
    refuse("memory.limit", std::string("1G"), fd("InvalidArgs"));
    refuse("memory.limit", true, fd("InvalidArgs"));
    refuse("memory.limit", std::uint64_t(1) << 63U, fd("InvalidArgs"));
    refuse("cpu.quota", std::int64_t(999), fd("InvalidArgs"));
    refuse("cpu.quota", INT64_MAX, fd("InvalidArgs"));
    refuse("cpu.period", std::int64_t(0), fd("InvalidArgs"));
    refuse("cpu.period", std::int64_t(1000001), fd("InvalidArgs"));
    refuse("cpu.shares", std::int64_t(0), fd("InvalidArgs"));
    refuse("pids.limit", std::int64_t(-2), fd("InvalidArgs"));
    refuse("memory.swap", std::int64_t(4096), fd("InvalidArgs"));
    refuse("PIDs", std::vector<std::uint32_t>{1}, ours("PropertyNotAllowed"));
    refuse("ExecStart", std::string("x"), ours("PropertyNotAllowed"));
    refuse("memory.max", std::string("1"), ours("PropertyNotAllowed"));
    refuse("", std::string(""), ours("PropertyNotAllowed"));
    refuse("a\nb", std::string(""), ours("PropertyNotAllowed"));
    const Properties twice = with(with(Properties(), "pids.limit", std::int64_t(5)), "pids.limit", std::int64_t(6));
    REFUSED(bench, bench.createCompat("web", "c", twice), fd("InvalidArgs"));
    REFUSED(bench, bench.manager(Bench::kRoot, "CreateCompatGroup", "web", "c", Properties(), std::uint64_t(1)),
            fd("InvalidArgs"));
    REFUSED(bench, bench.createCompat("other", "c"), ours("NoSuchSandbox"));
    REFUSED(bench, bench.manager(Bench::kRoot, "CreateCompatGroup", "web"), fd("InvalidArgs"));
}

TEST_CASE("a swap limit below the memory limit is refused") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    Properties properties = with(Properties(), "memory.limit", std::int64_t(8192));
    REFUSED(bench, bench.createCompat("web", "c", with(properties, "memory.swap", std::int64_t(4096))),
            fd("InvalidArgs"));
}

TEST_CASE("the number of groups is bounded", "[attack-52]") {
    NEEDS_CGROUPS();
    config::Config config = Bench::quick();
    config.groupsPerSandbox = 3;
    Bench bench(config);
    bench.sandbox("web");
    REQUIRE(bench.answer(bench.createCompat("web", "a"))->text == "");
    REQUIRE(bench.answer(bench.createCompat("web", "b"))->text == "");
    REFUSED(bench, bench.createCompat("web", "c"), fd("LimitsExceeded"));
    REQUIRE(bench.answer(remove(bench, "web", "a"))->text == "");
    CHECK(bench.answer(bench.createCompat("web", "c"))->text == "");
}

TEST_CASE("a removed group is gone, with a signal") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    REQUIRE(bench.answer(bench.createCompat("web", "c"))->text == "");
    const std::string object = bench.path("web") + "/group/c";
    bench.tree().make(bench.scopeOf("web") + "/c/nested/deeper");
    REQUIRE(bench.answer(remove(bench, "web", "c"))->text == "");
    bench.settle();
    CHECK_FALSE(bench.tree().exists(bench.scopeOf("web") + "/c"));
    CHECK(bench.groups("web") == Lines{"payload payload"});
    CHECK(bench.emitted("GroupRemoved") == 1);
    REFUSED(bench, remove(bench, "web", "c"), ours("NoSuchGroup"));
    REFUSED(bench, bench.call(Bench::kRoot, object, Bench::kGroup, "Remove"), ours("NoSuchGroup"));
    REQUIRE(bench.answer(bench.createCompat("web", "c"))->text == "");
    CHECK(bench.answer(bench.call(Bench::kRoot, object, Bench::kGroup, "Remove"))->text == "");
}

TEST_CASE("the payload cannot be removed, nor what is no group") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.sandbox("web");
    bench.tree().make(bench.scopeOf("web") + "/unmarked");
    REFUSED(bench, remove(bench, "web", "payload"), fd("InvalidArgs"));
    for (const char* name : {"", "..", "unmarked", "payload/..", "../"}) {
        CAPTURE(name);
        const Pending reply = bench.answer(remove(bench, "web", name));
        CHECK((reply->error == ours("NoSuchGroup") || reply->error == fd("InvalidArgs")));
    }
    REFUSED(bench, remove(bench, "other", "c"), ours("NoSuchSandbox"));
    CHECK(bench.tree().exists(bench.scopeOf("web") + "/unmarked"));
    CHECK(child.alive());
}

TEST_CASE("a group into which somebody has put a process is Busy, and the process lives") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    REQUIRE(bench.answer(bench.createCompat("web", "c"))->text == "");
    Child& intruder = bench.child();
    if (!bench.tree().move(bench.scopeOf("web") + "/c", intruder.pid())) SKIP_TEST("the kernel keeps processes out");
    REFUSED(bench, remove(bench, "web", "c"), ours("Busy"));
    CHECK(intruder.alive());
}

TEST_CASE("a compat group in a scope that is gone is NoSuchSandbox") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.sandbox("web");
    bench.systemd.quiet = true;
    child.kill();
    REQUIRE(bench.until([&] { return bench.systemd.names().empty(); }));
    CHECK(bench.answer(bench.createCompat("web", "c"))->error == ours("NoSuchSandbox"));
    REQUIRE(bench.until([&] { return bench.emitted("SandboxRemoved") == 1; }));
}

TEST_CASE("a hundred groups come and go in one sandbox") {
    NEEDS_CGROUPS();
    config::Config config = Bench::quick();
    config.groupsPerSandbox = 200;
    Bench bench(config);
    bench.sandbox("web");
    std::vector<Pending> calls;
    for (int i = 0; i < 100; ++i)
        calls.push_back(bench.createCompat("web", "c" + std::to_string(i), container()));
    for (const Pending& call : calls)
        REQUIRE(bench.answer(call)->text == "");
    CHECK(bench.groups("web").size() == 101);
    calls.clear();
    for (int i = 0; i < 100; ++i)
        calls.push_back(remove(bench, "web", "c" + std::to_string(i)));
    for (const Pending& call : calls)
        REQUIRE(bench.answer(call)->text == "");
    CHECK(bench.groups("web") == Lines{"payload payload"});
    bench.settle();
    CHECK(bench.emitted("GroupNew") == 100);
    CHECK(bench.emitted("GroupRemoved") == 100);
}
