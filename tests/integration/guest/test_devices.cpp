// SPDX-License-Identifier: LGPL-2.1-or-later
// Which devices the processes of a sandbox, or of one of its groups, can really make and open.
#include "catch.h"
#include "guest/device_probe.h"
#include "guest/guest.h"

using namespace scopewright::integration;
using scopewright::Properties;

namespace {

using Rules = std::vector<std::pair<std::string, std::string>>;

const Rules kNullAlone{{"deny a", "rwm"}, {"allow c 1:3", "rwm"}};

/// PID 1 has no word for a hole in a wildcard: all of major 1 but the log, and that to be read.
const Rules kWithHole{{"deny a", "rwm"}, {"allow c 1:*", "rwm"}, {"deny c 1:11", "w"}};

Properties devices(const Rules& rules) {
    return Properties(1, {"devices", rules});
}

std::string createGroup(const Guest& guest, const std::string& name, const Properties& resources) {
    const Answer answer = guest.client.manager("CreateGroup", "web", name, resources, std::uint64_t{0});
    return std::get<1>(answer.must().get<scopewright::bus::ObjectPath, std::string>());
}

/// Of any sandbox or group.
bool isSkipped(const Guest& guest) {
    const std::string all = std::get<0>(guest.client.manager("Describe").get<std::string>());
    return all.find("\"Key\":\"devices\"") != std::string::npos;
}

} // namespace

TEST_CASE("a sandbox has the devices that its rules allow, and no others", "[devices][machine]") {
    if (!inMachine()) SKIP_TEST("a container has no device programs");
    Guest guest;
    Child child;
    const Created created = guest.create("web", {&child}, devices(kNullAlone));
    CHECK(devicesOpenIn(created.payload()) == "1:1 -, 1:3 rwm, 1:11 -, 5:0 -");
    guest.systemd.reload();
    guest.systemd.reexecute();
    CHECK(devicesOpenIn(created.payload()) == "1:1 -, 1:3 rwm, 1:11 -, 5:0 -");
    CHECK_FALSE(isSkipped(guest));

    // Other rules in place of these, and none at all.
    guest.client.manager("UpdateSandbox", "web", devices({{"deny a", "rwm"}, {"allow c 5:0", "r"}})).must();
    CHECK(devicesOpenIn(created.payload()) == "1:1 -, 1:3 -, 1:11 -, 5:0 r");
    guest.client.manager("UpdateSandbox", "web", devices({{"allow a", "rwm"}})).must();
    CHECK(devicesOpenIn(created.payload()) == "1:1 rwm, 1:3 rwm, 1:11 rwm, 5:0 rwm");
}

TEST_CASE("device rules that nobody can enforce are told, and refused in a strict request", "[devices][machine]") {
    if (inMachine()) SKIP_TEST("a machine has device programs");
    Guest guest;
    Child child;
    Properties strict = devices(kNullAlone);
    strict.push_back({"Strict", true});
    CHECK(guest.tryCreate("web", {&child}, strict).error == "org.freedesktop.DBus.Error.NotSupported");
    CHECK(child.alive());
    guest.create("web", {&child}, devices(kNullAlone));
    CHECK(isSkipped(guest));
}

TEST_CASE("what PID 1 has no words for holds all the same", "[devices][machine]") {
    if (!inMachine()) SKIP_TEST("a container has no device programs");
    Guest guest;
    Child child;
    const Created created = guest.create("web", {&child}, devices(kWithHole));
    CHECK(devicesOpenIn(created.payload()) == "1:1 rwm, 1:3 rwm, 1:11 rm, 5:0 -");
    CHECK_FALSE(isSkipped(guest));
    guest.systemd.reload();
    CHECK(devicesOpenIn(created.payload()) == "1:1 rwm, 1:3 rwm, 1:11 rm, 5:0 -");

    // By a daemon that has not made the program that it replaces.
    guest.killDaemon();
    guest.client.manager("UpdateSandbox", "web", devices(kNullAlone)).must();
    CHECK(devicesOpenIn(created.payload()) == "1:1 -, 1:3 rwm, 1:11 -, 5:0 -");
}

TEST_CASE("a group of processes has rules of its own, which end with it", "[devices][machine]") {
    if (!inMachine()) SKIP_TEST("a container has no device programs");
    Guest guest;
    Child child;
    const Created created = guest.create("web", {&child});
    const std::string group = createGroup(guest, "inner", devices(kNullAlone));
    CHECK(devicesOpenIn(group) == "1:1 -, 1:3 rwm, 1:11 -, 5:0 -");
    CHECK(devicesOpenIn(created.payload()) == "1:1 rwm, 1:3 rwm, 1:11 rwm, 5:0 rwm");
    guest.client.manager("UpdateGroup", "web", "inner", devices(kWithHole)).must();
    CHECK(devicesOpenIn(group) == "1:1 rwm, 1:3 rwm, 1:11 rm, 5:0 -");
    guest.client.manager("RemoveGroup", "web", "inner").must();
    createGroup(guest, "inner", Properties());
    CHECK(devicesOpenIn(group) == "1:1 rwm, 1:3 rwm, 1:11 rwm, 5:0 rwm");
}

TEST_CASE("a group has no device that its sandbox has not", "[devices][machine]") {
    if (!inMachine()) SKIP_TEST("a container has no device programs");
    Guest guest;
    Child child;
    guest.create("web", {&child}, devices(kNullAlone));
    const std::string group = createGroup(guest, "inner", devices({{"allow a", "rwm"}}));
    CHECK(devicesOpenIn(group) == "1:1 -, 1:3 rwm, 1:11 -, 5:0 -");
}
