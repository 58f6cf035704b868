// SPDX-License-Identifier: LGPL-2.1-or-later
// Faults that take a real process, and that each once cost something: see docs/faults.md.
#include "catch.h"
#include "private_bus/private_bus.h"
#include "wait.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>

using namespace scopewright::integration;
using scopewright::Properties;

TEST_CASE("a read-only cgroup tree is a reason not to start, told in one line", "[fault-27]") {
    PrivateBus bus;
    Directory directory;
    const std::string root = bus.command().back().substr(std::string("--cgroup-root=").size());
    REQUIRE(::mount(root.c_str(), directory.path().c_str(), nullptr, MS_BIND, nullptr) == 0);
    const unsigned long flags = MS_BIND | MS_REMOUNT | MS_RDONLY;
    const int remounted = ::mount(nullptr, directory.path().c_str(), nullptr, flags, nullptr);
    {
        Program daemon({daemonProgram(), "--cgroup-root=" + directory.path()});
        CHECK(daemon.wait() == 1);
        CHECK(daemon.output().find("read-only") != std::string::npos);
    }
    ::umount2(directory.path().c_str(), MNT_DETACH);
    REQUIRE(remounted == 0);
}

TEST_CASE("a log that nobody reads does not stop the daemon", "[fault-62]") {
    PrivateBus bus;
    Directory directory;
    bus.configure("[daemon]\nlog-level = \"debug\"\n");
    const std::string log = directory.path("log");
    REQUIRE(::mkfifo(log.c_str(), 0600) == 0);
    const int reader = ::open(log.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
    REQUIRE(reader >= 0);
    REQUIRE(::fcntl(reader, F_SETPIPE_SZ, 16384) >= 16384);
    Program daemon(bus.command(), log);
    Client client;
    REQUIRE(eventually([&] { return !client.owner().empty(); }));
    sd_bus_set_method_call_timeout(client.raw(), 3'000'000);
    int full = 0;
    for (int i = 0; i < 200; ++i) {
        Child child;
        const Properties properties{{"PIDs", numbers({&child})}};
        CAPTURE(i, full);
        CHECK(client.manager("CreateSandbox", "web", properties, std::uint64_t{0}).error == "");
        const Answer stopped = client.manager("StopSandbox", "web");
        if (!stopped.ok()) std::printf("%d bytes are in the pipe\n", full);
        REQUIRE(stopped.error == "");
        REQUIRE(::ioctl(reader, FIONREAD, &full) == 0);
    }
    CHECK(full > 8000);
    daemon.signal(SIGKILL);
    ::close(reader);
}

TEST_CASE("the same token asked again while PID 1 still starts the unit of a daemon that died joins that start",
          "[fault-2]") {
    PrivateBus bus;
    Client client;
    Child child;
    std::unique_ptr<Program> daemon = bus.start();
    const Properties properties{{"PIDs", numbers({&child})}, {"Token", std::string("t")}};
    const auto request = [&] {
        return client.request(kManagerPath, kManager, "CreateSandbox", "slow", properties, std::uint64_t{0});
    };
    {
        Pending first(client, request());
        REQUIRE(eventually([&] {
            const std::vector<std::string> log = bus.log(Client());
            return std::any_of(log.begin(), log.end(),
                               [](const std::string& line) { return line.starts_with("StartTransientUnit"); });
        }));
        daemon->signal(SIGKILL);
        daemon->wait();
        first.wait();
    }
    const Answer again = client.send(request());
    CHECK(again.error == "");
}
