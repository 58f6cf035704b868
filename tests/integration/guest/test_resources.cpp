// SPDX-License-Identifier: LGPL-2.1-or-later
#include "catch.h"
#include "guest/guest.h"

using namespace scopewright::integration;
using scopewright::Properties;

namespace {

const Properties kPod{
    {"memory.limit", std::int64_t{268435456}}, {"memory.reservation", std::int64_t{134217728}},
    {"memory.swap", std::int64_t{268435456}},  {"cpu.shares", std::int64_t{512}},
    {"cpu.quota", std::int64_t{50000}},        {"cpu.period", std::int64_t{100000}},
    {"pids.limit", std::int64_t{64}},
};

struct Expected {
    const char* property;
    std::uint64_t value;
    const char* controller;
    const char* file;
    const char* text;
};
constexpr Expected kExpected[] = {
    {"MemoryMax", 268435456, "memory", "memory.max", "268435456"},
    {"MemoryLow", 134217728, "memory", "memory.low", "134217728"},
    {"MemorySwapMax", 0, "memory", "memory.swap.max", "0"},
    {"CPUWeight", 59, "cpu", "cpu.weight", "59"},
    {"CPUQuotaPerSecUSec", 500000, "cpu", "cpu.max", "50000 100000"},
    {"CPUQuotaPeriodUSec", 100000, "cpu", "cpu.max", "50000 100000"},
    {"TasksMax", 64, "pids", "pids.max", "64"},
};

void checkInForce(const Guest& guest, const Created& created) {
    const Properties unit = guest.systemd.properties(created.unit);
    for (const Expected& one : kExpected) {
        CAPTURE(one.property);
        CHECK(valueOf<std::uint64_t>(unit, one.property) == one.value);
        if (inMachine()) CHECK(hasController(created.controlGroup, one.controller));
        if (hasController(created.controlGroup, one.controller))
            CHECK(readFile(created.controlGroup, one.file) == std::string(one.text));
    }
}

} // namespace

TEST_CASE("a sandbox's resources are properties of its unit, and stay so", "[machine]") {
    Guest guest;
    Child child;
    const Created created = guest.create("web", {&child}, kPod);
    checkInForce(guest, created);
    guest.systemd.reload();
    checkInForce(guest, created);
    guest.systemd.reexecute();
    checkInForce(guest, created);

    const Properties told = valueOfDictionary(guest.client, created.object, kSandbox, "Resources");
    CHECK(told.size() == kPod.size());
    CHECK(valueOf<std::int64_t>(told, "memory.swap") == 268435456);
}

TEST_CASE("resources may come as any kind of number") {
    Guest guest;
    Child child;
    const Created created = guest.create("web", {&child},
                                         {{"memory.limit", std::uint64_t{268435456}},
                                          {"cpu.shares", std::uint32_t{1024}},
                                          {"pids.limit", std::int32_t{64}}});
    const Properties unit = guest.systemd.properties(created.unit);
    CHECK(valueOf<std::uint64_t>(unit, "MemoryMax") == 268435456);
    CHECK(valueOf<std::uint64_t>(unit, "CPUWeight") == 100);
    CHECK(valueOf<std::uint64_t>(unit, "TasksMax") == 64);
}

TEST_CASE("unlimited is said in OCI's words and in systemd's") {
    Guest guest;
    Child first, second;
    const Created oci =
        guest.create("oci", {&first}, {{"memory.limit", std::int64_t{-1}}, {"cpu.quota", std::int64_t{-1}}});
    const Created own = guest.create("own", {&second}, {{"memory.limit", UINT64_MAX}, {"pids.limit", UINT64_MAX}});
    CHECK(valueOf<std::uint64_t>(guest.systemd.properties(oci.unit), "MemoryMax") == UINT64_MAX);
    CHECK(valueOf<std::uint64_t>(guest.systemd.properties(oci.unit), "CPUQuotaPerSecUSec") == UINT64_MAX);
    CHECK(valueOf<std::uint64_t>(guest.systemd.properties(own.unit), "MemoryMax") == UINT64_MAX);
    CHECK(valueOf<std::uint64_t>(guest.systemd.properties(own.unit), "TasksMax") == UINT64_MAX);
}

TEST_CASE("a sandbox's times are properties of its unit") {
    Guest guest;
    Child child;
    const Created created =
        guest.create("web", {&child},
                     {{"TimeoutStopUSec", std::uint64_t{3'000'000}}, {"RuntimeMaxUSec", std::uint64_t{3'600'000'000}}});
    const Properties unit = guest.systemd.properties(created.unit);
    CHECK(valueOf<std::uint64_t>(unit, "TimeoutStopUSec") == 3'000'000);
    CHECK(valueOf<std::uint64_t>(unit, "RuntimeMaxUSec") == 3'600'000'000);
}

TEST_CASE("a strict sandbox with a resource that cannot be applied is refused, and its process stays where it is") {
    Guest guest;
    Child child;
    const std::string home = child.controlGroup();
    const Properties strict{{"network.classID", std::uint32_t{1}}, {"Strict", true}};
    CHECK(guest.tryCreate("web", {&child}, strict).error == "org.freedesktop.DBus.Error.NotSupported");
    CHECK(child.controlGroup() == home);
    CHECK_FALSE(guest.systemd.find("scopewright-0-web.scope"));
}
