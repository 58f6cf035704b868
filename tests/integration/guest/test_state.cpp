// SPDX-License-Identifier: LGPL-2.1-or-later
// What the daemon knows after it has died, or PID 1 has been renewed under it.
#include "catch.h"
#include "guest/guest.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <deque>
#include <memory>
#include <random>
#include <set>

using namespace scopewright::integration;
using scopewright::Properties;
using scopewright::Property;

namespace {

const Properties kResources{
    {"memory.limit", std::int64_t{268435456}}, {"memory.swap", std::int64_t{536870912}},
    {"cpu.shares", std::int64_t{512}},         {"pids.limit", std::int64_t{64}},
    {"network.classID", std::uint32_t{1}},
};

/// Everything that clients can ask.
std::string describe(const Guest& guest) {
    return std::get<0>(guest.client.manager("Describe").get<std::string>());
}

/// Sandboxes of several kinds, with groups, resources and skips.
struct Population {
    explicit Population(const Guest& guest) {
        guest.create("plain", {&children[0]});
        guest.create("rich", {&children[1], &children[2]}, kResources);
        guest.create("named", {&children[3]},
                     {{"CgroupsPath", std::string("machine.slice:runsc:abc")}, {"Token", std::string("t-1")}});
        guest.create("handed", {&children[4]}, {{"User", std::string("65534")}});
        for (const char* name : {"c1", "cri-containerd-2.scope", "c:3"})
            guest.createGroup("rich", name, kResources);
        guest.createGroup("named", "c1");
    }
    Child children[5];
};

Properties tokened(const std::string& token, const Child& child, const Properties& more = {}) {
    Properties properties = more;
    properties.push_back({"Token", token});
    properties.push_back({"PIDs", numbers({&child})});
    return properties;
}

} // namespace

TEST_CASE("a daemon that was killed knows everything again", "[fault-47][machine]") {
    Guest guest;
    Population population(guest);
    const std::string before = describe(guest);
    guest.killDaemon();
    CHECK(describe(guest) == before);
}

TEST_CASE("a daemon that was stopped knows everything again") {
    Guest guest;
    Population population(guest);
    const std::string before = describe(guest);
    guest.stopDaemon();
    CHECK(describe(guest) == before);
}

TEST_CASE("daemon-reload and daemon-reexec change nothing, whether the daemon sees them or not",
          "[fault-13][fault-14]") {
    Guest guest;
    Population population(guest);
    const std::string before = describe(guest);
    Recorder recorder;
    guest.systemd.reload();
    CHECK(describe(guest) == before);
    guest.systemd.reexecute();
    CHECK(describe(guest) == before);
    CHECK(recorder.count([](const Signal& signal) { return signal.member == "SandboxRemoved"; }) == 0);

    guest.stopDaemon();
    guest.systemd.reload();
    guest.systemd.reexecute();
    CHECK(describe(guest) == before);
}

TEST_CASE("everything can still be done with a sandbox that an earlier daemon made") {
    Guest guest;
    Recorder recorder;
    Child child;
    const Created created = guest.create("web", {&child}, {{"Token", std::string("t")}});
    const std::string group = guest.createGroup("web", "c1");
    guest.killDaemon();

    CHECK(guest.create("web", {&child}, {{"Token", std::string("t")}}) == created);
    CHECK(guest.tryCreate("web", {&child}).error == "org.scopewright1.Error.SandboxExists");
    CHECK(guest.client.manager("CreateCompatGroup", "web", "c1", Properties(), std::uint64_t{0}).error ==
          "org.scopewright1.Error.GroupExists");
    guest.client.manager("RemoveGroup", "web", "c1").must();
    CHECK_FALSE(exists(group));
    guest.createGroup("web", "c2");
    guest.client.manager("StopSandbox", "web").must();
    guest.checkGone("web", created, recorder);
    CHECK_FALSE(child.alive());
}

TEST_CASE("a daemon that is killed in the middle of a request finishes it when it is asked again",
          "[fault-1][fault-2][fault-3]") {
    Guest guest;
    std::minstd_rand random(1);
    const int rounds = emulated() ? 3 : 12;
    int forgotten = 0;
    std::set<std::string> refusals;
    for (int round = 0; round < rounds; ++round) {
        CAPTURE(round);
        const std::string id = "s" + std::to_string(round);
        const std::string token = "token-" + std::to_string(round);
        Child child;
        guest.client.manager("ListSandboxes").must();
        const pid_t daemon = guest.daemonPid();
        const auto request = [&] {
            return guest.client.request(kManagerPath, kManager, "CreateSandbox", id, tokened(token, child, kResources),
                                        std::uint64_t{0});
        };
        {
            Pending attempt(guest.client, request());
            const std::chrono::microseconds moment(random() % (emulated() ? 200000 : 20000));
            const auto over = std::chrono::steady_clock::now() + moment;
            while (std::chrono::steady_clock::now() < over) {}
            ::kill(daemon, SIGKILL);
            attempt.wait();
        }
        Answer answer;
        REQUIRE(eventually([&] {
            answer = guest.client.send(request());
            refusals.insert(answer.error);
            return answer.ok();
        }));
        const Created created = createdBy(answer);
        CHECK(guest.systemd.list("scopewright-0-" + id + "*").size() == 1);
        CHECK(child.controlGroup() == created.payload());
        CHECK(processesOf(created.controlGroup).empty());
        CHECK(guest.groups(id) == std::vector<GroupLine>{{"payload", "payload", created.payload()}});
        CHECK(readFile(created.payload(), "cgroup.max.depth") == "8");
        CHECK(valueOf<std::uint64_t>(guest.systemd.properties(created.unit), "MemoryMax") == 268435456);
        const Properties told = valueOfDictionary(guest.client, created.object, kSandbox, "Resources");
        const auto isLimit = [](const Property& one) { return one.name == "memory.limit"; };
        forgotten += std::any_of(told.begin(), told.end(), isLimit) ? 0 : 1;
        guest.client.manager("StopSandbox", id).must();
        CHECK_FALSE(exists(created.controlGroup));
    }
    // The unit has its resources whichever daemon asked for them; so the object must tell them.
    CHECK(forgotten == 0);
    // The dying daemon may be asked once more; the next one answers as if nothing had happened.
    refusals.erase("");
    refusals.erase("org.freedesktop.DBus.Error.NoReply");
    CHECK(refusals == std::set<std::string>());
}

TEST_CASE("requests of many clients, with the daemon killed among them, are each carried out once", "[fault-2]") {
    Guest guest;
    std::minstd_rand random(2);
    const int kClients = emulated() ? 6 : 24;
    const int kills = emulated() ? 1 : 4;
    std::vector<std::unique_ptr<Client>> clients;
    std::vector<std::unique_ptr<Child>> children;
    std::vector<std::unique_ptr<Pending>> pending;
    const auto request = [&](int i) {
        const std::string number = std::to_string(i);
        const std::size_t at = static_cast<std::size_t>(i);
        return clients[at]->request(kManagerPath, kManager, "CreateSandbox", "s" + number,
                                    tokened("t" + number, *children[at]), std::uint64_t{0});
    };
    for (int i = 0; i < kClients; ++i) {
        clients.push_back(std::make_unique<Client>());
        children.push_back(std::make_unique<Child>());
    }
    for (int kill = 0; kill < kills; ++kill) {
        guest.client.manager("ListSandboxes").must();
        const pid_t daemon = guest.daemonPid();
        for (int i = 0; i < kClients; ++i)
            pending.push_back(std::make_unique<Pending>(*clients[static_cast<std::size_t>(i)], request(i)));
        const auto over = std::chrono::steady_clock::now() + std::chrono::microseconds(random() % 30000);
        while (std::chrono::steady_clock::now() < over) {}
        ::kill(daemon, SIGKILL);
        // A dying process still has its name on the bus.
        REQUIRE(eventually([&] { return guest.daemonPid() != daemon; }));
        for (const std::unique_ptr<Pending>& one : pending)
            one->wait();
        pending.clear();
    }
    for (int i = 0; i < kClients; ++i) {
        const std::size_t at = static_cast<std::size_t>(i);
        Answer answer;
        REQUIRE(eventually([&] {
            answer = clients[at]->send(request(i));
            return answer.ok();
        }));
        CHECK(children[at]->controlGroup() == createdBy(answer).payload());
    }
    CHECK(guest.list().size() == static_cast<std::size_t>(kClients));
    CHECK(guest.systemd.list("scopewright-0-s*").size() == static_cast<std::size_t>(kClients));
}

TEST_CASE("requests that PID 1 forgets when it renews itself are carried out when they are asked again", "[fault-14]") {
    Guest guest;
    const std::size_t count = static_cast<std::size_t>(emulated() ? 6 : 40);
    std::deque<Child> children(count);
    std::vector<std::unique_ptr<Pending>> pending;
    const auto request = [&](std::size_t i) {
        const std::string number = std::to_string(i);
        return guest.client.request(kManagerPath, kManager, "CreateSandbox", "s" + number,
                                    tokened("t" + number, children[i]), std::uint64_t{0});
    };
    guest.client.manager("ListSandboxes").must();
    for (std::size_t i = 0; i < count; ++i) {
        pending.push_back(std::make_unique<Pending>(guest.client, request(i)));
        if (i == count / 2) guest.systemd.reexecute();
    }
    for (std::size_t i = 0; i < count; ++i) {
        CAPTURE(i, pending[i]->wait().error);
        // PID 1's clients get no answer to what it has forgotten; the daemon asks again, or says that it could not.
        Answer again;
        REQUIRE(eventually([&] {
            again = guest.client.send(request(i));
            return again.ok();
        }));
        CHECK(children[i].controlGroup() == createdBy(again).payload());
    }
    CHECK(guest.list().size() == count);
    CHECK(guest.systemd.list("scopewright-0-s*").size() == count);
}

TEST_CASE("a compat group that was half made when the daemon died is no group, and its name is free", "[fault-4]") {
    Guest guest;
    Child child;
    const Created created = guest.create("web", {&child});
    guest.stopDaemon();
    makeGroup(created.controlGroup + "/c1"); // what mkdir leaves behind before the mark
    CHECK(guest.groups("web").size() == 1);
    CHECK(guest.client.manager("RemoveGroup", "web", "c1").error == "org.scopewright1.Error.NoSuchGroup");
    CHECK(guest.createGroup("web", "c1") == created.controlGroup + "/c1");
    CHECK(guest.groups("web").size() == 2);
}

TEST_CASE("a unit with our prefix but without our record is left alone", "[fault-54]") {
    Guest guest;
    Child child;
    guest.systemd.startScope("scopewright-0-foreign.scope", child.pid(),
                             {{"Description", std::string("somebody else's")}, {"Delegate", true}});
    const std::string home = child.controlGroup();
    guest.stopDaemon();
    CHECK(guest.list().empty());
    CHECK(guest.client.manager("StopSandbox", "foreign").error == "org.scopewright1.Error.NoSuchSandbox");
    CHECK(child.alive());
    CHECK(child.controlGroup() == home);
    CHECK(treeOf(home).size() == 1);
    guest.systemd.stop("scopewright-0-foreign.scope");
}

TEST_CASE("a unit whose record is damaged is left alone", "[fault-55]") {
    Guest guest;
    Child child;
    guest.systemd.startScope(
        "scopewright-0-damaged.scope", child.pid(),
        {{"Description", std::string("Sandbox damaged [scopewright v=1 id=damaged uid=0 tok= req= crc=00000000]")},
         {"Delegate", true}});
    guest.stopDaemon();
    CHECK(guest.list().empty());
    CHECK(child.alive());
    guest.systemd.stop("scopewright-0-damaged.scope");
}

TEST_CASE("a scope that runs without a process is stopped") {
    Guest guest;
    Recorder recorder;
    Child child;
    const Created created = guest.create("web", {&child});
    guest.stopDaemon();
    // The process is taken away from behind PID 1's back into another unit.
    REQUIRE(moveInto(controlGroupOf(::getpid()), child.pid()) == 0);
    CHECK(eventually([&] { return guest.list().empty(); }));
    CHECK(eventually([&] { return !guest.systemd.find(created.unit); }));
    CHECK(child.alive());
}

TEST_CASE("the directory of a unit that is no more is removed by the next daemon, if nothing lives in it",
          "[fault-58]") {
    Guest guest;
    Child child, inside;
    guest.create("web", {&child});
    guest.stopDaemon();
    const std::string orphan = "/scopewright.slice/scopewright-0-orphan.scope";
    const std::string lived = "/scopewright.slice/scopewright-0-lived.scope";
    const std::string foreign = "/scopewright.slice/foreign.scope";
    makeGroup(orphan + "/a/b");
    makeGroup(lived);
    makeGroup(foreign);
    REQUIRE(moveInto(lived, inside.pid()) == 0);
    CHECK(guest.knows("web"));
    CHECK_FALSE(exists(orphan));
    CHECK(exists(lived));
    CHECK(exists(foreign));
    CHECK(child.alive());
    inside.kill();
    inside.reap();
    removeGroup(lived);
    removeGroup(foreign);
}
