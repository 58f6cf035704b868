// SPDX-License-Identifier: LGPL-2.1-or-later
#include "catch.h"
#include "guest/guest.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>

using namespace scopewright::integration;
using scopewright::Properties;
namespace bus = scopewright::bus;

namespace {

const Properties kContainer{
    {"memory.limit", std::int64_t{268435456}}, {"memory.reservation", std::int64_t{134217728}},
    {"memory.swap", std::int64_t{268435456}},  {"cpu.shares", std::int64_t{512}},
    {"cpu.quota", std::int64_t{50000}},        {"cpu.period", std::int64_t{100000}},
    {"pids.limit", std::int64_t{64}},
};

struct File {
    const char* controller;
    const char* name;
    const char* value;
};
constexpr File kFiles[] = {
    {"memory", "memory.max", "268435456"},
    {"memory", "memory.min", "134217728"},
    {"memory", "memory.low", "134217728"},
    {"memory", "memory.swap.max", "0"},
    {"cpu", "cpu.weight", "20"},
    {"cpu", "cpu.max", "50000 100000"},
    {"pids", "pids.max", "64"},
};

/// Which keys of kContainer need which controller. cpu.period and cpu.quota are one file.
const std::map<std::string, std::set<std::string>> kKeys{
    {"memory", {"memory.limit", "memory.reservation", "memory.swap"}},
    {"cpu", {"cpu.shares", "cpu.quota"}},
    {"pids", {"pids.limit"}},
};

const char* const kObject = "/org/scopewright1/sandbox/web/group/";

} // namespace

TEST_CASE("the files of a compat group carry the container's limits", "[machine]") {
    Guest guest;
    Child child;
    const Created created = guest.create("web", {&child});
    const std::string name = "cri-containerd-" + std::string(64, 'a') + ".scope";
    const std::string group = guest.createGroup("web", name, kContainer);
    CHECK(group == created.controlGroup + "/" + name);
    CHECK(exists(group));

    std::set<std::string> expected;
    for (const auto& [controller, keys] : kKeys)
        if (!hasController(group, controller)) expected.insert(keys.begin(), keys.end());
    if (inMachine()) CHECK(expected.empty());
    for (const File& file : kFiles) {
        CAPTURE(file.name);
        if (hasController(group, file.controller))
            CHECK(readFile(group, file.name) == std::string(file.value));
        else
            CHECK_FALSE(readFile(group, file.name));
    }

    // What is not in force is told, with its reason.
    std::string object;
    for (const char c : name)
        object += std::isalnum(c) ? std::string(1, c) : (c == '-' ? "_2d" : "_2e");
    std::set<std::string> told;
    for (const auto& [key, skip] : skippedOf(guest.client, kObject + object, kGroup)) {
        told.insert(key);
        CHECK(skip.reason.starts_with("controller '"));
        CHECK(skip.since.empty());
    }
    CHECK(told == expected);
    const Properties resources = valueOfDictionary(guest.client, kObject + object, kGroup, "Resources");
    CHECK(valueOf<std::int64_t>(resources, "memory.limit") == 268435456);
    CHECK(valueOf<std::int64_t>(resources, "cpu.period") == 100000);
    CHECK(resources.size() == kContainer.size());
}

TEST_CASE("the values in a compat group survive what PID 1 does", "[machine]") {
    Guest guest;
    Child child;
    guest.create("web", {&child});
    const std::string group = guest.createGroup("web", "c1", kContainer);
    const auto values = [&] {
        std::string all;
        for (const File& file : kFiles)
            all += readFile(group, file.name).value_or("-") + "\n";
        return all;
    };
    const std::string before = values();
    guest.systemd.reload();
    CHECK(values() == before);
    guest.systemd.reexecute();
    CHECK(values() == before);
}

TEST_CASE("no process can be moved into a compat group", "[machine]") {
    Guest guest;
    Child child;
    const Created created = guest.create("web", {&child});
    const std::string group = guest.createGroup("web", "c1", kContainer);
    const char* const kDomainControllers[] = {"memory", "io", "hugetlb", "misc", "rdma"};
    const bool closed = std::any_of(std::begin(kDomainControllers), std::end(kDomainControllers),
                                    [&](const char* one) { return hasController(group, one); });
    if (!closed) SKIP_TEST("this kernel has no controller that keeps processes out");
    CHECK(moveInto(group, child.pid()) == EBUSY);
    CHECK(child.controlGroup() == created.payload());
}

TEST_CASE("a strict compat group without its controllers is refused and leaves nothing", "[fault-30][machine]") {
    Guest guest;
    Child child;
    const Created created = guest.create("web", {&child});
    Properties strict = kContainer;
    strict.push_back({"Strict", true});
    const Answer answer = guest.client.manager("CreateCompatGroup", "web", "c1", strict, std::uint64_t{0});
    const bool all = hasController(created.controlGroup, "memory") && hasController(created.controlGroup, "cpu") &&
                     hasController(created.controlGroup, "pids");
    if (all) {
        CHECK(answer.ok());
        return;
    }
    CHECK(answer.error == "org.scopewright1.Error.ControllerUnavailable");
    CHECK_FALSE(exists(created.controlGroup + "/c1"));
    CHECK(guest.groups("web").size() == 1);
    // The name is free.
    CHECK(guest.createGroup("web", "c1", kContainer) == created.controlGroup + "/c1");
}

TEST_CASE("a resource that cannot be applied is skipped, or refused when strict") {
    Guest guest;
    Child child;
    guest.create("web", {&child});
    const Properties later{{"network.classID", std::uint32_t{1}}};
    guest.createGroup("web", "c1", later);
    const std::map<std::string, SkipLine> skipped = skippedOf(guest.client, std::string(kObject) + "c1", kGroup);
    REQUIRE(skipped.contains("network.classID"));
    CHECK_FALSE(skipped.at("network.classID").reason.empty());
    Properties strict = later;
    strict.push_back({"Strict", true});
    CHECK(guest.client.manager("CreateCompatGroup", "web", "c2", strict, std::uint64_t{0}).error ==
          "org.freedesktop.DBus.Error.NotSupported");
}

TEST_CASE("compat groups are made and removed through the manager and through the objects") {
    Guest guest;
    Child child;
    const Created created = guest.create("web", {&child});
    const Client& client = guest.client;
    const std::uint64_t flags = 0;

    const Answer made = client.call(created.object, kSandbox, "CreateCompatGroup", "c1", Properties(), flags);
    const auto [object, group] = made.get<bus::ObjectPath, std::string>();
    CHECK(object.path == created.object + "/group/c1");
    CHECK(group == created.controlGroup + "/c1");
    CHECK(exists(group));
    CHECK(client.manager("CreateCompatGroup", "web", "c1", Properties(), flags).error ==
          "org.scopewright1.Error.GroupExists");
    CHECK(client.call(created.object, kSandbox, "CreateCompatGroup", "c1", Properties(), flags).error ==
          "org.scopewright1.Error.GroupExists");

    CHECK(client.call(object.path, kGroup, "Remove").ok());
    CHECK_FALSE(exists(group));
    CHECK(client.call(object.path, kGroup, "Remove").error == "org.scopewright1.Error.NoSuchGroup");
    CHECK(client.manager("RemoveGroup", "web", "c1").error == "org.scopewright1.Error.NoSuchGroup");

    guest.createGroup("web", "c1");
    CHECK(client.manager("RemoveGroup", "web", "c1").ok());
    CHECK_FALSE(exists(group));
    CHECK(guest.groups("web").size() == 1);
}

TEST_CASE("a compat group with groups of somebody else's in it is removed with them", "[attack-42]") {
    Guest guest;
    Child child;
    guest.create("web", {&child});
    const std::string group = guest.createGroup("web", "c1");
    makeGroup(group + "/a/b/c");
    CHECK(guest.client.manager("RemoveGroup", "web", "c1").ok());
    CHECK_FALSE(exists(group));
}

TEST_CASE("the payload cannot be removed") {
    Guest guest;
    Child child;
    const Created created = guest.create("web", {&child});
    const char* const kRefused = "org.freedesktop.DBus.Error.InvalidArgs";
    CHECK(guest.client.manager("RemoveGroup", "web", "payload").error == kRefused);
    CHECK(guest.client.call(created.object + "/group/payload", kGroup, "Remove").error == kRefused);
    CHECK(guest.client.manager("CreateCompatGroup", "web", "payload", Properties(), std::uint64_t{0}).error ==
          "org.scopewright1.Error.GroupExists");
    CHECK(child.controlGroup() == created.payload());
}

TEST_CASE("there is a bound to the groups of one sandbox", "[attack-52]") {
    Guest guest;
    Child child;
    guest.create("web", {&child});
    guest.configure("[limits]\ngroups-per-sandbox = 4\n");
    for (const char* name : {"c1", "c2", "c3"})
        guest.createGroup("web", name);
    CHECK(guest.client.manager("CreateCompatGroup", "web", "c4", Properties(), std::uint64_t{0}).error ==
          "org.freedesktop.DBus.Error.LimitsExceeded");
    CHECK(guest.groups("web").size() == 4);
}

TEST_CASE("the name of a compat group's directory follows the template") {
    Guest guest;
    Child child;
    const Created created = guest.create("web", {&child});
    guest.configure("[compat]\nname-template = \"cri-containerd-{name}.scope\"\n");
    CHECK(guest.createGroup("web", "abc") == created.controlGroup + "/cri-containerd-abc.scope");
    CHECK(guest.groups("web").front().name == "abc");
    CHECK(guest.client.manager("RemoveGroup", "web", "abc").ok());
    CHECK_FALSE(exists(created.controlGroup + "/cri-containerd-abc.scope"));
}
