// SPDX-License-Identifier: LGPL-2.1-or-later
// Faults that only a real PID 1, bus or kernel can have, row by row of docs/faults.md.
#include "catch.h"
#include "guest/guest.h"
#include "program.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <deque>
#include <filesystem>
#include <fstream>
#include <memory>

using namespace scopewright::integration;
using scopewright::Properties;

namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kGenerator = "/run/systemd/system-generators/scopewright-test";

/// PID 1 waits for its generators, and does nothing else meanwhile.
class SlowReload {
public:
    explicit SlowReload(int seconds) {
        std::filesystem::create_directories("/run/systemd/system-generators");
        std::ofstream(kGenerator) << "#!/bin/sh\nsleep " << seconds << "\n";
        ::chmod(kGenerator, 0755);
    }
    SlowReload(SlowReload&&) = delete;
    ~SlowReload() { ::unlink(kGenerator); }
};

scopewright::bus::Message reloadCall(const Client& client) {
    return scopewright::bus::methodCall(client.raw(), "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                        "org.freedesktop.systemd1.Manager", "Reload");
}

void awaitSignal() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGUSR1);
    int number = 0;
    sigwait(&signals, &number);
}

void blockSignal() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGUSR1);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

/// Takes so many bytes, and touches them, when it gets SIGUSR1.
Child::Life hungry(std::size_t bytes) {
    return [bytes](const std::function<void()>& ready) {
        blockSignal();
        ready();
        awaitSignal();
        void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (std::size_t at = 0; memory != MAP_FAILED && at < bytes; at += 4096)
            static_cast<volatile char*>(memory)[at] = 1;
        for (;;)
            ::pause();
    };
}

} // namespace

TEST_CASE("while PID 1 reloads for seconds requests wait for it, and nothing fails", "[fault-13][fault-16]") {
    Guest guest;
    Child first, second;
    guest.create("old", {&first});
    const SlowReload slow(3);
    const Client administrator;
    const Clock::time_point begun = Clock::now();
    Pending reload(administrator, reloadCall(administrator));
    REQUIRE(sd_bus_flush(administrator.raw()) >= 0);
    Pending request(guest.client, guest.client.request(kManagerPath, kManager, "CreateSandbox", "web",
                                                       Properties{{"PIDs", numbers({&second})}}, std::uint64_t{0}));
    const Client other;
    CHECK(eventually(
        [&] { return textOf(other.properties("/org/scopewright1/sandbox/web", kSandbox), "State") == "starting"; }));
    CHECK(other.manager("GetSandbox", "old").ok());
    CHECK(Clock::now() - begun < std::chrono::seconds(emulated() ? 30 : 2));
    const Created created = createdBy(request.wait());
    CHECK(Clock::now() - begun >= std::chrono::seconds(2));
    reload.wait();
    CHECK(second.controlGroup() == created.payload());
    CHECK(guest.list().size() == 2);
    guest.client.manager("StopSandbox", "web").must();
}

TEST_CASE("a bus that is restarted again and again costs answers and no sandbox",
          "[bus][fault-20][fault-21][fault-22]") {
    // No guest object lives through this: its connections do not.
    Guest();
    Child first, second;
    const auto create = [](const Client& client, const char* id, const Child& child) {
        const Properties properties{{"PIDs", numbers({&child})}, {"Token", std::string("t")}};
        return client.request(kManagerPath, kManager, "CreateSandbox", id, properties, std::uint64_t{0});
    };
    Created created;
    {
        const Client client;
        created = createdBy(client.send(create(client, "web", first)));
        client.manager("CreateCompatGroup", "web", "c1", Properties(), std::uint64_t{0}).must();
    }
    for (int round = 0; round < 3; ++round) {
        const Client client;
        Pending request(client, create(client, "under-way", second));
        run({"systemctl", "restart", "dbus.service"});
    }
    const Client client;
    REQUIRE(eventually([&] { return client.manager("ListSandboxes").ok(); }));
    CHECK(client.manager("GetSandbox", "web").ok());
    CHECK(first.alive());
    CHECK(first.controlGroup() == created.payload());
    CHECK(groupsIn(client.manager("ListGroups", "web")).size() == 2);
    const Pid1 systemd;
    // A name on the bus that is no more would belong to somebody else by now.
    CHECK(textOf(systemd.properties(created.unit), "Controller").empty());
    CHECK(textOf(systemd.properties(kService), "Result") == "success");
    Answer again;
    REQUIRE(eventually([&] {
        again = client.send(create(client, "under-way", second));
        return again.ok();
    }));
    CHECK(second.controlGroup() == createdBy(again).payload());
    for (const char* id : {"web", "under-way"})
        client.manager("StopSandbox", id).must();
}

TEST_CASE("a controller that is taken away is told, and not pretended", "[fault-30][fault-31][machine]") {
    Guest guest;
    Child child;
    const Created created = guest.create("web", {&child});
    if (!hasController(created.controlGroup, "pids")) SKIP_TEST("there is no pids controller here");
    const std::string object = created.object + "/group/c1";
    const std::string group = guest.createGroup("web", "c1", {{"pids.limit", std::int64_t{64}}});
    CHECK(skippedOf(guest.client, object, kGroup).empty());
    const std::string slice = created.controlGroup.substr(0, created.controlGroup.rfind('/'));
    for (const std::string& above : {created.controlGroup, slice})
        REQUIRE(writeFile(above, "cgroup.subtree_control", "-pids") == 0);
    guest.client.manager("UpdateGroup", "web", "c1", Properties{{"pids.limit", std::int64_t{65}}}).must();
    CHECK_FALSE(readFile(group, "pids.max"));
    const std::map<std::string, SkipLine> skipped = skippedOf(guest.client, object, kGroup);
    REQUIRE(skipped.contains("pids.limit"));
    CHECK(skipped.at("pids.limit").reason.find("pids") != std::string::npos);
    const Properties strict{{"pids.limit", std::int64_t{65}}, {"Strict", true}};
    CHECK(guest.client.manager("CreateCompatGroup", "web", "c2", strict, std::uint64_t{0}).error ==
          "org.scopewright1.Error.ControllerUnavailable");
}

TEST_CASE("a process that uses too much memory dies alone", "[fault-46][machine]") {
    Guest guest;
    constexpr std::size_t kLimit = 32 << 20;
    Child steady, greedy(hungry(4 * kLimit));
    const Created created = guest.create(
        "web", {&steady, &greedy}, {{"memory.limit", std::int64_t{kLimit}}, {"memory.swap", std::int64_t{kLimit}}});
    if (!hasController(created.controlGroup, "memory")) SKIP_TEST("there is no memory controller here");
    ::kill(greedy.pid(), SIGUSR1);
    CHECK(eventually([&] { return !greedy.alive(); }));
    CHECK(readFile(created.controlGroup, "memory.events").value_or("").find("oom_kill 1") != std::string::npos);
    CHECK(steady.alive());
    CHECK(guest.knows("web"));
    CHECK(guest.systemd.state(created.unit) == "active");
    CHECK(textOf(guest.client.properties(created.object, kSandbox), "State") == "running");
}

TEST_CASE("the daemon is the last to be killed for its memory, and comes back when it was", "[fault-47]") {
    Guest guest;
    Child child;
    const Created created = guest.create("web", {&child});
    const Properties service = guest.systemd.properties(kService);
    CHECK(valueOf<std::int32_t>(service, "OOMScoreAdjust") == -900);
    CHECK(valueOf<std::uint64_t>(service, "MemoryMax") == std::uint64_t{256} << 20);
    CHECK(textOf(service, "Restart") == "on-failure");
    guest.killDaemon();
    CHECK(guest.list().size() == 1);
    CHECK(child.controlGroup() == created.payload());
}

TEST_CASE("PID 1's freezer and ours do not undo each other", "[fault-45]") {
    Guest guest;
    Child child;
    const Created created = guest.create("web", {&child});
    const auto frozen = [&] {
        return readFile(created.payload(), "cgroup.events").value_or("").find("frozen 1") != std::string::npos;
    };
    const auto state = [&] { return textOf(guest.client.properties(created.object, kSandbox), "State"); };
    guest.client.manager("FreezeSandbox", "web").must();
    CHECK(frozen());
    guest.systemd.freeze(created.unit).must();
    guest.systemd.thaw(created.unit).must();
    CHECK(frozen());
    CHECK(state() == "frozen");
    guest.systemd.freeze(created.unit).must();
    guest.client.manager("ThawSandbox", "web").must();
    CHECK(frozen());
    guest.systemd.thaw(created.unit).must();
    CHECK(eventually([&] { return !frozen(); }));
    CHECK(state() == "running");
}

TEST_CASE("all sandboxes of a slice that is stopped are gone, and each is told of once", "[fault-59]") {
    Guest guest;
    Recorder recorder;
    const std::size_t count = static_cast<std::size_t>(times(20));
    std::deque<Child> children(count);
    std::vector<Created> created;
    for (std::size_t i = 0; i < count; ++i)
        created.push_back(
            guest.create("s" + std::to_string(i), {&children[i]}, {{"Slice", std::string("kubepods-test.slice")}}));
    guest.systemd.stop("kubepods-test.slice");
    const auto removed = [](const Signal& signal) { return signal.member == "SandboxRemoved"; };
    CHECK(eventually([&] { return recorder.count(removed) >= count; }));
    CHECK(guest.list().empty());
    CHECK(recorder.count(removed) == count);
    for (std::size_t i = 0; i < count; ++i) {
        CHECK(eventually([&] { return !children[i].alive(); }));
        CHECK(eventually([&] { return !exists(created[i].controlGroup) && !guest.systemd.find(created[i].unit); }));
    }
}
