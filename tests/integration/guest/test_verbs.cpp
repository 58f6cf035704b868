// SPDX-License-Identifier: LGPL-2.1-or-later
// What can be done with a sandbox that lives, with the real systemd: join, freeze, kill, adopt.
#include "catch.h"
#include "guest/guest.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

using namespace scopewright::integration;
using scopewright::BorrowedFds;
using scopewright::Properties;
using scopewright::Property;
namespace bus = scopewright::bus;

namespace {

std::string event(const std::string& controlGroup) {
    return readFile(controlGroup, "cgroup.events").value_or("");
}

bool frozen(const std::string& controlGroup) {
    return event(controlGroup).find("frozen 1") != std::string::npos;
}

std::string state(const Guest& guest, const std::string& object) {
    return textOf(guest.client.properties(object, kSandbox), "State");
}

std::string makeProcessGroup(const Guest& guest, const std::string& name) {
    const Answer answer = guest.client.manager("CreateGroup", "web", name, Properties(), std::uint64_t{0});
    return std::get<1>(answer.get<bus::ObjectPath, std::string>());
}

Answer adopt(const Guest& guest, const std::string& unit, const Properties& properties = {}) {
    return guest.client.manager("AdoptSandbox", "web", unit, properties, std::uint64_t{0});
}

} // namespace

TEST_CASE("processes join a sandbox, and PID 1 keeps them there", "[verbs]") {
    Guest guest;
    Child first, second, third;
    const Created created = guest.create("web", {&first});
    const std::string more = makeProcessGroup(guest, "more");
    guest.client.manager("AttachProcesses", "web", "payload", numbers({&second})).must();
    guest.client.manager("AttachProcessFDs", "web", "more", BorrowedFds{{third.pidfd()}}).must();
    CHECK(second.controlGroup() == created.payload());
    CHECK(third.controlGroup() == more);
    guest.systemd.reload();
    guest.systemd.reexecute();
    CHECK(second.controlGroup() == created.payload());
    CHECK(third.controlGroup() == more);
    // With what was there first gone, the sandbox lives on by those that joined it.
    first.kill();
    second.kill();
    CHECK(guest.knows("web"));
    CHECK(guest.client.manager("RemoveGroup", "web", "more").error == "org.scopewright1.Error.Busy");
    guest.client.manager("StopSandbox", "web").must();
    CHECK_FALSE(third.alive());
}

TEST_CASE("a process is started straight into a group through its directory", "[verbs]") {
    Guest guest;
    Child child;
    const Created created = guest.create("web", {&child});
    const Answer answer = guest.client.call(created.object + "/group/payload", kGroup, "OpenDirectory");
    answer.must();
    int directory = -1;
    REQUIRE(sd_bus_message_read_basic(answer.reply.raw(), 'h', &directory) > 0);
    const pid_t pid = startIn(directory);
    REQUIRE(pid > 0);
    CHECK(controlGroupOf(pid) == created.payload());
    guest.client.manager("StopSandbox", "web").must();
    int status = 0;
    CHECK(::waitpid(pid, &status, 0) == pid);
    CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
}

TEST_CASE("a frozen sandbox stands still through a reload and a new daemon, and PID 1's freezer is its own",
          "[verbs][fault-45][machine]") {
    Guest guest;
    Child child;
    const Created created = guest.create("web", {&child});
    guest.client.manager("FreezeSandbox", "web").must();
    CHECK(frozen(created.payload()));
    CHECK(state(guest, created.object) == "frozen");
    CHECK(readFile(created.controlGroup, "cgroup.freeze") == "0");
    guest.systemd.reload();
    CHECK(frozen(created.payload()));
    guest.killDaemon();
    CHECK(state(guest, created.object) == "frozen");
    // PID 1 freezes and thaws the whole scope; the sandbox stays as it was asked to be.
    guest.systemd.freeze(created.unit).must();
    guest.systemd.thaw(created.unit).must();
    CHECK(frozen(created.payload()));
    guest.client.manager("ThawSandbox", "web").must();
    CHECK_FALSE(frozen(created.payload()));
    CHECK(state(guest, created.object) == "running");
    guest.systemd.freeze(created.unit).must();
    guest.client.manager("FreezeSandbox", "web").must();
    guest.client.manager("ThawSandbox", "web").must();
    guest.systemd.thaw(created.unit).must();
    CHECK(eventually([&] { return !frozen(created.payload()); }));
}

TEST_CASE("frozen processes are killed, and their sandbox is stopped", "[verbs]") {
    Guest guest;
    Recorder recorder;
    Child child(Child::ignoreTerm);
    Created created = guest.create("web", {&child});
    guest.client.manager("FreezeSandbox", "web").must();
    guest.client.manager("KillSandbox", "web", std::int32_t{SIGKILL}).must();
    guest.checkGone("web", created, recorder);
    Child other(Child::ignoreTerm);
    created = guest.create("web", {&other});
    guest.client.manager("FreezeSandbox", "web").must();
    guest.client.manager("StopSandbox", "web").must();
    CHECK_FALSE(other.alive());
    CHECK_FALSE(exists(created.controlGroup));
}

TEST_CASE("a process whose leader has exited does not outlive its sandbox", "[verbs][fault-40][attack-26]") {
    Guest guest;
    Recorder recorder;
    Child child;
    const Created created = guest.create("web", {&child});
    Child split(Child::splitLeader);
    REQUIRE(moveInto(created.payload(), split.pid()) == 0);
    guest.client.manager("StopSandbox", "web").must();
    CHECK(eventually([&] { return !split.alive(); }));
    guest.checkGone("web", created, recorder);
}

TEST_CASE("a scope that another program delegated is adopted, lives through everything, and is stopped", "[verbs]") {
    Guest guest;
    Recorder recorder;
    Child child;
    guest.systemd.startScope("libpod-other.scope", child.pid(),
                             {{"Delegate", true}, {"Description", std::string("another program's %n scope")}});
    const std::string scope = guest.systemd.controlGroup("libpod-other.scope");
    const Answer answer = adopt(guest, "libpod-other.scope", {{"pids.limit", std::int64_t{50}}});
    const auto [object, controlGroup] = answer.get<bus::ObjectPath, std::string>();
    CHECK(controlGroup == scope);
    CHECK(child.controlGroup() == scope + "/payload");
    guest.createGroup("web", "c1");
    const auto look = [&] {
        CHECK(guest.knows("web"));
        CHECK(guest.groups("web").size() == 2);
        CHECK(state(guest, object.path) == "running");
        CHECK(valueOf<std::uint64_t>(guest.systemd.properties("libpod-other.scope"), "TasksMax") == 50);
        CHECK(child.controlGroup() == scope + "/payload");
    };
    look();
    guest.systemd.reload();
    guest.systemd.reexecute();
    look();
    guest.killDaemon();
    look();
    guest.client.manager("StopSandbox", "web").must();
    CHECK_FALSE(child.alive());
    CHECK_FALSE(exists(scope));
    CHECK(guest.systemd.state("libpod-other.scope") == "");
}

TEST_CASE("a scope that cannot be adopted stays as it is", "[verbs]") {
    Guest guest;
    Child plain, taken;
    guest.systemd.startScope("libpod-plain.scope", plain.pid());
    CHECK(adopt(guest, "libpod-plain.scope").error == "org.scopewright1.Error.NotDelegated");
    CHECK(adopt(guest, "libpod-none.scope").error == "org.scopewright1.Error.UnitFailed");
    CHECK(adopt(guest, "init.scope").error == "org.freedesktop.DBus.Error.InvalidArgs");
    guest.systemd.startScope("libpod-taken.scope", taken.pid(), {{"Delegate", true}});
    const std::string scope = guest.systemd.controlGroup("libpod-taken.scope");
    makeGroup(scope + "/payload");
    CHECK(adopt(guest, "libpod-taken.scope").error == "org.scopewright1.Error.GroupExists");
    CHECK(taken.controlGroup() == scope);
    CHECK(guest.list().empty());
    guest.systemd.stop("libpod-plain.scope");
    guest.systemd.stop("libpod-taken.scope");
}

TEST_CASE("an adoption that is refused gives everything back", "[verbs]") {
    Guest guest;
    Child child;
    guest.systemd.startScope("libpod-back.scope", child.pid(), {{"Delegate", true}});
    const std::string scope = guest.systemd.controlGroup("libpod-back.scope");
    const std::string description = guest.systemd.find("libpod-back.scope")->description;
    const std::string enabled = readFile(scope, "cgroup.subtree_control").value_or("");
    const Properties strict{{"Strict", true}, {"pids.limit", std::int64_t{50}}, {"memory.swappiness", std::int64_t{5}}};
    CHECK_FALSE(adopt(guest, "libpod-back.scope", strict).ok());
    CHECK(child.controlGroup() == scope);
    CHECK(guest.systemd.find("libpod-back.scope")->description == description);
    CHECK(readFile(scope, "cgroup.subtree_control").value_or("") == enabled);
    CHECK(treeOf(scope) == std::vector<std::string>{scope});
    guest.systemd.stop("libpod-back.scope");
}

TEST_CASE("a start in the middle of which the daemon dies is finished with all that was asked for",
          "[verbs][fault-2][fault-3]") {
    Guest guest;
    Child child;
    const Properties request{{"PIDs", numbers({&child})},
                             {"Token", std::string("t-1")},
                             {"cpu.burst", std::int64_t{2000}},
                             {"pids.limit", std::int64_t{60}}};
    Pending lost(guest.client,
                 guest.client.request(kManagerPath, kManager, "CreateSandbox", "web", request, std::uint64_t{0}));
    REQUIRE(eventually([&] { return guest.systemd.find("scopewright-0-web.scope").has_value(); }));
    guest.killDaemon();
    lost.wait();
    const Created created = createdBy(guest.client.manager("CreateSandbox", "web", request, std::uint64_t{0}));
    CHECK(child.controlGroup() == created.payload());
    const Properties resources = valueOfDictionary(guest.client, created.object, kSandbox, "Resources");
    CHECK(valueOf<std::int64_t>(resources, "pids.limit") == 60);
    CHECK(valueOf<std::uint64_t>(guest.systemd.properties(created.unit), "TasksMax") == 60);
}
