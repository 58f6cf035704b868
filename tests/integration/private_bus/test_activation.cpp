// SPDX-License-Identifier: LGPL-2.1-or-later
#include "catch.h"
#include "crossing.h"
#include "private_bus/private_bus.h"
#include "wait.h"

using namespace scopewright::integration;
using scopewright::Properties;

TEST_CASE("a call starts the daemon, and what it makes is there") {
    PrivateBus bus;
    Client client;
    Child child;
    REQUIRE(client.owner().empty());
    const std::string group = create(client, "web", child);
    CHECK(group.starts_with(bus.prefix() + "/"));
    CHECK(child.controlGroup() == group + "/payload");
    const Answer made = client.manager("CreateCompatGroup", "web", "c1", Properties(), std::uint64_t{0});
    CHECK(bus.exists(std::get<1>(made.get<scopewright::bus::ObjectPath, std::string>())));
    client.manager("StopSandbox", "web").must();
    CHECK_FALSE(child.alive());
    CHECK_FALSE(bus.exists(group));
}

TEST_CASE("the first thing a client asks for may be an object") {
    PrivateBus bus;
    Child child;
    create(Client(), "web", child);
    CHECK(Client().call("/org/scopewright1/sandbox/web", kProperties, "GetAll", kSandbox).ok());
    CHECK(Client().call("/org/scopewright1/sandbox/web/group/payload", kProperties, "GetAll", kGroup).ok());
}

TEST_CASE("the daemon leaves when it has nothing to do, and the next one knows the sandboxes") {
    PrivateBus bus;
    bus.configure("[daemon]\nidle-timeout = \"100ms\"\n");
    Client client;
    Child child;
    create(client, "web", child);
    const std::string before = std::get<0>(client.manager("Describe").get<std::string>());
    CHECK(eventually([&] { return client.owner().empty(); }));
    CHECK(child.alive());
    CHECK(std::get<0>(client.manager("Describe").get<std::string>()) == before);
}

TEST_CASE("two hundred clients lose no call while the daemon of a bus without systemd comes and goes", "[fault-23]") {
    PrivateBus bus;
    bus.configure("[daemon]\nidle-timeout = \"100ms\"\n");
    Child child;
    create(Client(), "web", child);
    const Crossing crossing = crossIdleBoundary(std::chrono::milliseconds(100), 40, 200, "web");
    CHECK(crossing.failures == std::vector<std::string>());
    CHECK(crossing.changes >= 4);
}

TEST_CASE("an idle daemon ends with status 0 and leaves nothing undone") {
    PrivateBus bus;
    bus.configure("[daemon]\nidle-timeout = \"50ms\"\n");
    const std::unique_ptr<Program> daemon = bus.start();
    CHECK(daemon->wait() == 0);
    CHECK(daemon->output().find("error") == std::string::npos);
}

TEST_CASE("another user's calls do not start the daemon", "[attack-58]") {
    PrivateBus bus;
    Client root;
    const Client nobody(65534);
    CHECK(nobody.manager("ListSandboxes").error == "org.freedesktop.DBus.Error.AccessDenied");
    CHECK(root.owner().empty());
    root.manager("ListSandboxes").must();
    CHECK(nobody.manager("ListSandboxes").error == "org.freedesktop.DBus.Error.AccessDenied");
}
