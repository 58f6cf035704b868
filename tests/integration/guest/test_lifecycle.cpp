// SPDX-License-Identifier: LGPL-2.1-or-later
#include "catch.h"
#include "guest/guest.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <deque>

using namespace scopewright::integration;
using scopewright::BorrowedFds;
using scopewright::Properties;

namespace {

void checkDelegated(const Guest& guest, const Created& created) {
    const std::string controllers = readFile(created.controlGroup, "cgroup.controllers").value();
    CHECK(wordsOf(readFile(created.controlGroup, "cgroup.subtree_control").value()) == wordsOf(controllers));
    CHECK(readFile(created.payload(), "cgroup.max.depth") == "8");
    CHECK(readFile(created.payload(), "cgroup.max.descendants") == "1024");
    CHECK(processesOf(created.controlGroup).empty());
    CHECK(guest.systemd.controlGroup(created.unit) == created.controlGroup);
}

} // namespace

TEST_CASE("a sandbox made of one process runs in a delegated scope of its own", "[machine]") {
    Guest guest;
    Child child;
    const Created created = guest.create("web", {&child});

    CHECK(created.object == "/org/scopewright1/sandbox/web");
    CHECK(created.unit == "scopewright-0-web.scope");
    CHECK(created.controlGroup == "/scopewright.slice/scopewright-0-web.scope");
    CHECK(child.controlGroup() == created.payload());
    CHECK(processesOf(created.payload()) == std::vector<pid_t>{child.pid()});
    checkDelegated(guest, created);
    CHECK(treeOf(created.controlGroup) == std::vector<std::string>{created.controlGroup, created.payload()});

    const Properties unit = guest.systemd.properties(created.unit);
    CHECK(textOf(unit, "ActiveState") == "active");
    CHECK(textOf(unit, "Slice") == "scopewright.slice");
    CHECK(valueOf<bool>(unit, "Delegate"));
    CHECK_FALSE(valueOf<bool>(unit, "DefaultDependencies"));
    CHECK(valueOf<bool>(unit, "Transient"));
    CHECK(textOf(unit, "CollectMode") == "inactive-or-failed");
    CHECK(textOf(unit, "Description").starts_with("Sandbox web [scopewright v=1 id=web uid=0 "));
    CHECK(valueOf<std::uint64_t>(unit, "TimeoutStopUSec") == 10'000'000);
    for (const char* accounting : {"CPUAccounting", "MemoryAccounting", "IOAccounting", "TasksAccounting"})
        if (guest.systemd.version() < 258 || std::string_view(accounting) != "CPUAccounting")
            CHECK(valueOf<bool>(unit, accounting));
    for (const scopewright::Property& property : unit)
        if (property.name == "User" || property.name == "Group" || property.name == "Controller")
            CHECK(std::get<std::string>(property.value).empty());
}

TEST_CASE("a sandbox takes over several processes, and the children they have meanwhile", "[machine]") {
    Guest guest;
    constexpr std::size_t kBirths = 40;
    const std::string home = controlGroupOf(::getpid());
    const std::size_t before = processesOf(home).size();
    Child first, second;
    Child parent(Child::grow(kBirths));
    const Created created = guest.create("family", {&first, &second, &parent});
    checkDelegated(guest, created);
    // Those born before the call are processes that nobody named; all later ones are with their parent.
    CHECK(eventually(
        [&] { return processesOf(created.payload()).size() + processesOf(home).size() >= before + 3 + kBirths; }));
    CHECK(processesOf(created.controlGroup).empty());
    const std::vector<pid_t> inside = processesOf(created.payload());
    CHECK(inside.size() > 3);
    for (const Child* child : {&first, &second, &parent})
        CHECK(std::count(inside.begin(), inside.end(), child->pid()) == 1);
}

TEST_CASE("processes can be named by descriptor", "[bus]") {
    Guest guest;
    Child first, second;
    const Properties properties{{"PIDFDs", BorrowedFds{{first.pidfd(), second.pidfd()}}}};
    const Created created = createdBy(guest.client.manager("CreateSandbox", "fds", properties, std::uint64_t{0}));
    CHECK(first.controlGroup() == created.payload());
    CHECK(second.controlGroup() == created.payload());
}

TEST_CASE("numbers and descriptors can stand side by side") {
    Guest guest;
    Child first, second;
    const Properties properties{{"PIDFDs", BorrowedFds{{first.pidfd()}}}};
    const Created created = guest.create("both", {&second}, properties);
    CHECK(first.controlGroup() == created.payload());
    CHECK(second.controlGroup() == created.payload());
}

TEST_CASE("more processes than one message holds descriptors for are taken too", "[bus]") {
    Guest guest;
    std::deque<Child> children(40);
    std::vector<const Child*> all;
    for (const Child& child : children)
        all.push_back(&child);
    const Created created = guest.create("many", all);
    CHECK(processesOf(created.payload()).size() == children.size());
}

TEST_CASE("a sandbox is found by id, by process and by descriptor", "[bus]") {
    Guest guest;
    Child child, stranger;
    const Created created = guest.create("web", {&child});
    const auto object = [](const Answer& answer) {
        return std::get<0>(answer.get<scopewright::bus::ObjectPath>()).path;
    };

    CHECK(guest.list() == std::vector<SandboxLine>{{"web", created.unit, 0, created.object}});
    CHECK(object(guest.client.manager("GetSandbox", "web")) == created.object);
    CHECK(object(guest.client.manager("GetSandboxByPID", child.number())) == created.object);
    scopewright::bus::Message call = guest.client.request(kManagerPath, kManager, "GetSandboxByPIDFD");
    REQUIRE(sd_bus_message_append(call.raw(), "h", child.pidfd()) >= 0);
    CHECK(object(guest.client.send(call)) == created.object);

    const char* const kNone = "org.scopewright1.Error.NoSuchSandbox";
    CHECK(guest.client.manager("GetSandbox", "other").error == kNone);
    CHECK(guest.client.manager("GetSandbox", "1000:web").error == kNone);
    CHECK(guest.client.manager("GetSandboxByPID", stranger.number()).error == kNone);
    // As in machined, 0 is the caller.
    CHECK(guest.client.manager("GetSandboxByPID", std::uint32_t{0}).error == kNone);
}

TEST_CASE("a process below the payload's own groups still belongs to the sandbox") {
    Guest guest;
    Child child;
    const Created created = guest.create("web", {&child});
    makeGroup(created.payload() + "/inner");
    REQUIRE(moveInto(created.payload() + "/inner", child.pid()) == 0);
    const Answer answer = guest.client.manager("GetSandboxByPID", child.number());
    CHECK(std::get<0>(answer.get<scopewright::bus::ObjectPath>()).path == created.object);
}

TEST_CASE("the payload can be handed to another uid, and only the payload") {
    Guest guest;
    Child child(Child::ofUid(65534));
    const Created created =
        guest.create("nobody", {&child}, {{"User", std::string("65534")}, {"Group", std::string("65534")}});
    const auto owner = [](const std::string& path) {
        struct stat status {};
        return ::stat(path.c_str(), &status) == 0 ? static_cast<int>(status.st_uid) : -1;
    };
    CHECK(owner(directory(created.controlGroup)) == 0);
    CHECK(owner(directory(created.controlGroup) + "/cgroup.procs") == 0);
    CHECK(owner(directory(created.payload())) == 65534);
    for (const char* file : {"cgroup.procs", "cgroup.threads", "cgroup.subtree_control"})
        CHECK(owner(directory(created.payload()) + "/" + file) == 65534);
    for (const char* file : {"cgroup.max.depth", "cgroup.max.descendants", "cgroup.freeze"})
        CHECK(owner(directory(created.payload()) + "/" + file) == 0);
}

TEST_CASE("a description stands before the record, and cannot be mistaken for it") {
    Guest guest;
    Child child;
    const Created created = guest.create("web", {&child}, {{"Description", std::string("Pod web-1 id=other uid=7")}});
    const std::string description = textOf(guest.systemd.properties(created.unit), "Description");
    CHECK(description.starts_with("Pod web-1 id=other uid=7 [scopewright v=1 id=web uid=0 "));
    guest.systemd.reload();
    CHECK(textOf(guest.systemd.properties(created.unit), "Description") == description);
}
