// SPDX-License-Identifier: LGPL-2.1-or-later
// Resources of sandboxes and groups that exist: updates, updates that fail, and what others change behind our back.
#include "catch.h"
#include "cgroup/watch.h"
#include "crossing.h"
#include "guest/device_probe.h"
#include "guest/guest.h"
#include "program.h"

#include <nlohmann/json.hpp>

using namespace scopewright::integration;
using scopewright::Properties;
using Json = nlohmann::json;

namespace {

Properties limit(const char* key, std::int64_t value) {
    return Properties(1, {key, value});
}

Json overridden(const Guest& guest) {
    const Json all = Json::parse(std::get<0>(guest.client.manager("Describe").get<std::string>()));
    return all.at("Sandboxes").at(0).at("Overridden");
}

std::uint64_t numberOf(const Guest& guest, const Created& created, const char* property) {
    return valueOf<std::uint64_t>(guest.systemd.properties(created.unit), property);
}

void setProperty(const Created& created, const std::string& assignment) {
    run({"systemctl", "set-property", "--runtime", created.unit, assignment});
}

std::string createGroup(const Guest& guest, const char* method, const Properties& resources) {
    const Answer answer = guest.client.manager(method, "web", "inner", resources, std::uint64_t{0});
    return std::get<1>(answer.must().get<scopewright::bus::ObjectPath, std::string>());
}

} // namespace

TEST_CASE("an update of the period keeps the quota, and what was not named", "[update][machine]") {
    Guest guest;
    Child child;
    const Created created = guest.create("web", {&child},
                                         {{"cpu.quota", std::int64_t{50000}},
                                          {"cpu.period", std::int64_t{100000}},
                                          {"memory.limit", std::int64_t{268435456}}});
    guest.client.manager("UpdateSandbox", "web", limit("cpu.period", 50000)).must();
    const auto check = [&] {
        CHECK(numberOf(guest, created, "CPUQuotaPerSecUSec") == 1'000'000);
        CHECK(numberOf(guest, created, "MemoryMax") == 268435456);
        if (hasController(created.controlGroup, "cpu"))
            CHECK(readFile(created.controlGroup, "cpu.max") == std::string("50000 50000"));
        if (hasController(created.controlGroup, "memory"))
            CHECK(readFile(created.controlGroup, "memory.max") == std::string("268435456"));
    };
    check();
    guest.systemd.reload();
    check();
    CHECK(overridden(guest).empty());
}

TEST_CASE("limits can shrink, grow and go", "[update][machine]") {
    if (!inMachine()) SKIP_TEST("there are no controllers here");
    Guest guest;
    Child child;
    const Created created =
        guest.create("web", {&child}, {{"memory.limit", std::int64_t{268435456}}, {"cpu.cpus", "0"}});
    const auto update = [&](const Properties& wanted) { guest.client.manager("UpdateSandbox", "web", wanted).must(); };
    update({{"memory.limit", std::int64_t{134217728}}, {"memory.swap", std::int64_t{134217728}}});
    CHECK(readFile(created.controlGroup, "memory.max") == std::string("134217728"));
    CHECK(readFile(created.controlGroup, "memory.swap.max") == std::string("0"));
    update({{"memory.limit", std::int64_t{-1}}, {"memory.swap", std::int64_t{-1}}, {"cpu.cpus", ""}});
    CHECK(readFile(created.controlGroup, "memory.max") == std::string("max"));
    CHECK(readFile(created.controlGroup, "memory.swap.max") == std::string("max"));
    // PID 1 forgets the set of CPUs and leaves the file as it is; Linux 6.1 does not take an empty one.
    const std::string all = readFile("/scopewright.slice", "cpuset.cpus.effective").value();
    CHECK(readFile(created.controlGroup, "cpuset.cpus.effective") == all);
    guest.systemd.reload();
    CHECK(readFile(created.controlGroup, "cpuset.cpus.effective") == all);
    // From then on the file is PID 1's again, and what an administrator sets there stays.
    setProperty(created, "AllowedCPUs=0");
    CHECK(readFile(created.controlGroup, "cpuset.cpus") == std::string("0"));
    update({{"pids.limit", std::int64_t{64}}});
    guest.systemd.reload();
    pass(std::chrono::milliseconds(300));
    CHECK(readFile(created.controlGroup, "cpuset.cpus") == std::string("0"));
}

TEST_CASE("a limit below what is in use is refused where that was asked", "[update][attack-62][machine]") {
    if (!inMachine()) SKIP_TEST("there are no controllers here");
    Guest guest;
    Child child;
    const Created created = guest.create("web", {&child}, limit("memory.limit", 268435456));
    Properties tight = limit("memory.limit", 4096);
    tight.push_back({"memory.checkBeforeUpdate", true});
    CHECK(guest.client.manager("UpdateSandbox", "web", tight).error == "org.scopewright1.Error.WouldKill");
    CHECK(child.alive());
    CHECK(readFile(created.controlGroup, "memory.max") == std::string("268435456"));
}

TEST_CASE("an update of which the kernel refuses a part leaves all as it was", "[update][machine]") {
    if (!inMachine()) SKIP_TEST("there are no controllers here");
    Guest guest;
    Child child;
    guest.create("web", {&child});
    const std::string group = createGroup(guest, "CreateGroup", limit("pids.limit", 64));
    Properties beyond = limit("pids.limit", 7);
    beyond.push_back({"memory.limit", std::int64_t{1 << 20}});
    beyond.push_back({"cpu.mems", "63"}); // no machine of ours has that node
    const Answer answer = guest.client.manager("UpdateGroup", "web", "inner", beyond);
    CHECK(answer.error == "org.freedesktop.DBus.Error.IOError");
    CHECK(answer.text.find("cpuset.mems") != std::string::npos);
    CHECK(readFile(group, "pids.max") == std::string("64"));
    CHECK(readFile(group, "memory.max") == std::string("max"));
    const Properties resources =
        valueOfDictionary(guest.client, "/org/scopewright1/sandbox/web/group/inner", kGroup, "Resources");
    CHECK(resources.size() == 1);
    CHECK(valueOf<std::int64_t>(resources, "pids.limit") == 64);
}

TEST_CASE("an update of a sandbox of which the kernel refuses a part takes back what PID 1 was told",
          "[update][attack-63][machine]") {
    if (!inMachine()) SKIP_TEST("there are no controllers here");
    Guest guest;
    Child child;
    const Created created =
        guest.create("web", {&child}, {{"cpu.quota", std::int64_t{50000}}, {"cpu.burst", std::int64_t{10000}}});
    const std::uint64_t tasks = numberOf(guest, created, "TasksMax");
    // This machine has no such resource to be counted; PID 1 has been told of all the others by then.
    const Properties wanted{{"memory.limit", std::int64_t{1 << 28}},
                            {"cpu.quota", std::int64_t{20000}},
                            {"cpu.cpus", "0"},
                            {"pids.limit", std::int64_t{9}},
                            {"devices", std::vector<std::pair<std::string, std::string>>{{"deny a", "rwm"}}},
                            {"unified", std::vector<std::pair<std::string, std::string>>{{"misc.max", "nothing 5"}}}};
    const Answer answer = guest.client.manager("UpdateSandbox", "web", wanted);
    CHECK_FALSE(answer.ok());
    CHECK(answer.text.find("misc.max") != std::string::npos);
    CHECK(numberOf(guest, created, "MemoryMax") == UINT64_MAX);
    CHECK(numberOf(guest, created, "CPUQuotaPerSecUSec") == 500'000);
    CHECK(numberOf(guest, created, "TasksMax") == tasks);
    CHECK(readFile(created.controlGroup, "memory.max") == std::string("max"));
    CHECK(readFile(created.controlGroup, "cpu.max") == std::string("50000 100000"));
    CHECK(readFile(created.controlGroup, "cpu.max.burst") == std::string("10000"));
    CHECK(readFile(created.controlGroup, "cpuset.cpus.effective") ==
          readFile("/scopewright.slice", "cpuset.cpus.effective"));
    CHECK(devicesOpenIn(created.payload()) == "1:1 rwm, 1:3 rwm, 1:11 rwm, 5:0 rwm");
    CHECK(overridden(guest).empty());
}

TEST_CASE("an administrator's property wins, shows, and goes when an update asks for another value",
          "[update][machine]") {
    Guest guest;
    Child child;
    const Created created =
        guest.create("web", {&child}, {{"memory.limit", std::int64_t{268435456}}, {"pids.limit", std::int64_t{64}}});
    CHECK(overridden(guest).empty());
    setProperty(created, "MemoryMax=134217728");
    const Json expected{{{"Property", "MemoryMax"}, {"Value", "134217728"}, {"Asked", "268435456"}}};
    CHECK(overridden(guest) == expected);
    guest.client.manager("UpdateSandbox", "web", limit("pids.limit", 65)).must();
    guest.systemd.reload();
    guest.killDaemon();
    CHECK(overridden(guest) == expected);
    CHECK(numberOf(guest, created, "MemoryMax") == 134217728);
    CHECK(numberOf(guest, created, "TasksMax") == 65);
    guest.client.manager("UpdateSandbox", "web", limit("memory.limit", 536870912)).must();
    CHECK(numberOf(guest, created, "MemoryMax") == 536870912);
    CHECK(overridden(guest).empty());
    guest.systemd.reload();
    CHECK(numberOf(guest, created, "MemoryMax") == 536870912);
}

TEST_CASE("a file that lost its value gets it again: at once in the scope, after a reload in the payload",
          "[update][machine]") {
    if (!inMachine()) SKIP_TEST("there are no controllers here");
    Guest guest;
    Child child;
    const Created created = guest.create(
        "web", {&child},
        {{"resources",
          R"({"cpu":{"quota":50000,"burst":10000},"hugepageLimits":[{"pageSize":"2MB","limit":4194304}]})"}});
    REQUIRE(readFile(created.controlGroup, "cpu.max.burst") == std::string("10000"));
    REQUIRE(readFile(created.payload(), "hugetlb.2MB.max") == std::string("4194304"));
    REQUIRE(writeFile(created.payload(), "hugetlb.2MB.max", "max") == 0);
    REQUIRE(writeFile(created.controlGroup, "cpu.max.burst", "0") == 0);
    CHECK(eventually([&] { return readFile(created.controlGroup, "cpu.max.burst") == std::string("10000"); }));
    guest.systemd.reload();
    CHECK(eventually([&] { return readFile(created.payload(), "hugetlb.2MB.max") == std::string("4194304"); }));

    // PID 1 writes the scope's files anew for an administrator; ours stand beside them.
    setProperty(created, "CPUQuota=80%");
    CHECK(readFile(created.controlGroup, "cpu.max") == std::string("80000 100000"));
    CHECK(eventually([&] { return readFile(created.controlGroup, "cpu.max.burst") == std::string("10000"); }));
    // What is as it should be is not written again and again.
    const scopewright::cgroup::Watch watch(scopewright::cgroup::Watch::For::Writes);
    REQUIRE(watch.add(*scopewright::cgroup::Group::openRoot("/sys/fs/cgroup").open(created.controlGroup)) >= 0);
    pass(std::chrono::milliseconds(300));
    CHECK(watch.take().empty());
    // What happened while no daemon ran is seen by the next one.
    guest.stopDaemon();
    REQUIRE(writeFile(created.payload(), "hugetlb.2MB.max", "0") == 0);
    guest.list();
    CHECK(readFile(created.payload(), "hugetlb.2MB.max") == std::string("4194304"));
}

TEST_CASE("a group of processes has the limits it was asked for, as they are", "[update][machine]") {
    if (!inMachine()) SKIP_TEST("there are no controllers here");
    Guest guest;
    Child child, inner;
    guest.create("web", {&child});
    const std::string group = createGroup(guest, "CreateGroup",
                                          {{"memory.limit", std::int64_t{268435456}},
                                           {"cpu.shares", std::int64_t{512}},
                                           {"cpu.quota", std::int64_t{33333}},
                                           {"pids.limit", std::int64_t{0}},
                                           {"cpu.cpus", "1"}});
    CHECK(readFile(group, "memory.max") == std::string("268435456"));
    CHECK(readFile(group, "cpu.weight") == std::string("59"));
    CHECK(readFile(group, "cpu.max") == std::string("33333 100000"));
    CHECK(readFile(group, "pids.max") == std::string("0"));
    CHECK(readFile(group, "cpuset.cpus") == std::string("1"));
    CHECK(moveInto(group, inner.pid()) == 0);
    CHECK(guest.client.manager("RemoveGroup", "web", "inner").error == "org.scopewright1.Error.Busy");
    inner.kill();
    guest.client.manager("RemoveGroup", "web", "inner").must();
}

TEST_CASE("a compat group shows what the configuration wants it to", "[update][machine]") {
    if (!inMachine()) SKIP_TEST("there are no controllers here");
    Guest guest;
    Child child;
    guest.create("web", {&child});
    const Properties container{
        {"memory.reservation", std::int64_t{134217728}}, {"cpu.shares", std::int64_t{512}}, {"cpu.cpus", "1"}};
    guest.configure("[compat]\ncpu-weight = \"quadratic\"\nreservation = \"low\"\n");
    std::string group = createGroup(guest, "CreateCompatGroup", container);
    CHECK(readFile(group, "cpu.weight") == std::string("59"));
    CHECK(readFile(group, "memory.low") == std::string("134217728"));
    CHECK(readFile(group, "memory.min") == std::string("0"));
    CHECK(readFile(group, "cpuset.cpus") == std::string("1"));
    guest.client.manager("UpdateGroup", "web", "inner", limit("cpu.shares", 1024)).must();
    CHECK(readFile(group, "cpu.weight") == std::string("100"));
    CHECK(readFile(group, "memory.low") == std::string("134217728"));
    guest.client.manager("RemoveGroup", "web", "inner").must();
    guest.configure("[compat]\ncontrollers = [\"memory\"]\nreservation = \"min\"\n");
    group = createGroup(guest, "CreateCompatGroup", container);
    CHECK(readFile(group, "cpu.weight") == std::string("100")); // as it was made
    CHECK(readFile(group, "memory.min") == std::string("134217728"));
    CHECK(readFile(group, "memory.low") == std::string("0"));
}
