// SPDX-License-Identifier: LGPL-2.1-or-later
#include "catch.h"
#include "guest/guest.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>

using namespace scopewright::integration;
using scopewright::Properties;

TEST_CASE("the bus of this guest is the one that was asked for", "[bus]") {
    const char* bus = std::getenv("SCOPEWRIGHT_GUEST_BUS");
    REQUIRE(bus);
    Guest guest;
    std::ifstream file("/proc/" + std::to_string(guest.systemd.mainPid("dbus.service")) + "/comm");
    std::string program;
    std::getline(file, program);
    CHECK(program.starts_with(std::string("dbus-") + bus));
}

TEST_CASE("the first call starts the daemon", "[bus]") {
    Guest guest;
    guest.stopDaemon();
    REQUIRE(guest.client.owner().empty());
    REQUIRE(guest.systemd.state(kService) != "active");

    CHECK(guest.client.manager("ListSandboxes").ok());
    CHECK_FALSE(guest.client.owner().empty());
    CHECK(guest.systemd.state(kService) == "active");
    CHECK(guest.daemonPid() > 0);
}

TEST_CASE("the first call may be one of the standard interfaces", "[bus]") {
    Guest guest;
    guest.stopDaemon();
    CHECK_FALSE(guest.client.properties(kManagerPath, kManager).empty());
    guest.stopDaemon();
    CHECK(guest.client.call(kManagerPath, "org.freedesktop.DBus.Introspectable", "Introspect").ok());
    guest.stopDaemon();
    CHECK(guest.client.call(kManagerPath, "org.freedesktop.DBus.Peer", "Ping").ok());
}

TEST_CASE("the properties of the manager tell what it stands on") {
    Guest guest;
    const Properties properties = guest.client.properties(kManagerPath, kManager);
    CHECK(textOf(properties, "Version") == SCOPEWRIGHT_VERSION);
    CHECK(valueOf<std::uint32_t>(properties, "SystemdVersion") == guest.systemd.version());
    CHECK(std::to_string(guest.systemd.version()) == std::getenv("SCOPEWRIGHT_GUEST_SYSTEMD"));
    CHECK(textOf(properties, "CgroupMode") == "unified");
    std::vector<std::string> controllers = valueOf<std::vector<std::string>>(properties, "Controllers");
    std::sort(controllers.begin(), controllers.end());
    CHECK(controllers == wordsOf(readFile("", "cgroup.controllers").value()));
    const std::vector<std::string> features = valueOf<std::vector<std::string>>(properties, "Features");
    CHECK((std::find(features.begin(), features.end(), "PIDFDs") != features.end()) ==
          (guest.systemd.version() >= 255));
}
