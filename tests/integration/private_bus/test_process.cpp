// SPDX-License-Identifier: LGPL-2.1-or-later
// The daemon as a process: how it ends, and with which status.
#include "catch.h"
#include "private_bus/private_bus.h"
#include "wait.h"

#include <algorithm>
#include <csignal>

using namespace scopewright::integration;
using scopewright::Properties;

TEST_CASE("a second daemon ends with status 1 and touches nothing", "[fault-61]") {
    PrivateBus bus;
    Client client;
    Child child;
    const std::unique_ptr<Program> first = bus.start();
    create(client, "web", child);
    const std::string owner = client.owner();
    const std::vector<std::string> log = bus.log(client);
    const std::vector<std::string> tree = bus.tree();

    Program second(bus.command());
    CHECK(second.wait() == 1);
    CHECK(second.output().find("org.scopewright1") != std::string::npos);
    CHECK(bus.log(client) == log);
    CHECK(bus.tree() == tree);
    CHECK(client.owner() == owner);
    CHECK(client.manager("GetSandbox", "web").ok());
    CHECK(first->running());
}

TEST_CASE("SIGTERM and SIGINT end the daemon with status 0, and the sandboxes stay") {
    for (const int signal : {SIGTERM, SIGINT}) {
        CAPTURE(signal);
        PrivateBus bus;
        Client client;
        Child child;
        const std::unique_ptr<Program> daemon = bus.start();
        const std::string group = create(client, "web", child);
        daemon->signal(signal);
        CHECK(daemon->wait() == 0);
        CHECK(child.alive());
        CHECK(child.controlGroup() == group + "/payload");
        CHECK(client.manager("GetSandbox", "web").ok());
    }
}

TEST_CASE("SIGTERM in the middle of a request ends the daemon at once, and the next one finishes it") {
    PrivateBus bus;
    Client client;
    Child child;
    bus.configure("[daemon]\nlog-level = \"debug\"\n");
    const std::unique_ptr<Program> daemon = bus.start();
    const Properties properties{{"PIDs", numbers({&child})}, {"Token", std::string("t")}};
    Pending request(client,
                    client.request(kManagerPath, kManager, "CreateSandbox", "slow", properties, std::uint64_t{0}));
    CHECK(eventually([&] {
        const std::vector<std::string> log = bus.log(Client());
        return std::any_of(log.begin(), log.end(),
                           [](const std::string& line) { return line.starts_with("StartTransientUnit"); });
    }));
    daemon->signal(SIGTERM);
    CHECK(daemon->wait() == 0);
    request.wait();
    Answer again;
    CHECK(eventually([&] {
        again = client.manager("CreateSandbox", "slow", properties, std::uint64_t{0});
        return again.ok();
    }));
    const auto [object, unit, group] = again.get<scopewright::bus::ObjectPath, std::string, std::string>();
    CHECK(child.controlGroup() == group + "/payload");
}

TEST_CASE("the end of the bus ends the daemon with status 0", "[fault-20]") {
    PrivateBus bus;
    Child child;
    const std::unique_ptr<Program> daemon = bus.start();
    create(Client(), "web", child);
    bus.kill();
    CHECK(daemon->wait() == 0);
}

TEST_CASE("a daemon that was killed is started again and knows everything", "[fault-47]") {
    PrivateBus bus;
    Client client;
    Child child;
    std::unique_ptr<Program> daemon = bus.start();
    create(client, "web", child, "t");
    client.manager("CreateCompatGroup", "web", "c1", Properties{{"pids.limit", std::int64_t{64}}}, std::uint64_t{0})
        .must();
    const std::string before = std::get<0>(client.manager("Describe").get<std::string>());
    daemon->signal(SIGKILL);
    CHECK(daemon->wait() == 128 + SIGKILL);
    CHECK(std::get<0>(client.manager("Describe").get<std::string>()) == before);
}

TEST_CASE("SIGHUP reads the configuration again") {
    PrivateBus bus;
    Client client;
    Child first, second;
    const std::unique_ptr<Program> daemon = bus.start();
    create(client, "one", first);
    bus.configure("[limits]\nsandboxes = 1\n");
    daemon->signal(SIGHUP);
    const Properties properties{{"PIDs", numbers({&second})}};
    CHECK(eventually([&] {
        const Answer answer = client.manager("CreateSandbox", "two", properties, std::uint64_t{0});
        if (answer.ok()) client.manager("StopSandbox", "two");
        return answer.error == "org.freedesktop.DBus.Error.LimitsExceeded";
    }));
    CHECK(daemon->running());
}

TEST_CASE("a daemon without PID 1, or with one too old, ends with status 1 and says why", "[fault-64]") {
    {
        PrivateBus bus(std::nullopt);
        Program daemon(bus.command());
        CHECK(daemon.wait() == 1);
        CHECK(daemon.output().find("cannot start") != std::string::npos);
        CHECK_FALSE(Client().manager("ListSandboxes").ok());
    }
    {
        PrivateBus bus("246.5");
        Program daemon(bus.command());
        CHECK(daemon.wait() == 1);
        CHECK(daemon.output().find("246") != std::string::npos);
    }
    {
        PrivateBus bus("no version");
        Program daemon(bus.command());
        CHECK(daemon.wait() == 1);
    }
}

TEST_CASE("a daemon without a bus or without cgroup v2 ends with status 1 and says why", "[fault-32]") {
    PrivateBus bus;
    Program elsewhere({daemonProgram(), "--cgroup-root=/tmp"});
    CHECK(elsewhere.wait() == 1);
    CHECK(elsewhere.output().find("/tmp") != std::string::npos);
    bus.kill();
    Program alone(bus.command());
    CHECK(alone.wait() == 1);
    CHECK(alone.output().find("bus") != std::string::npos);
}
