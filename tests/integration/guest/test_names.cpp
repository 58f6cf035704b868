// SPDX-License-Identifier: LGPL-2.1-or-later
// Which unit a sandbox becomes, and what happens when somebody has it already.
#include "catch.h"
#include "guest/guest.h"

#include <deque>

using namespace scopewright::integration;
using scopewright::Properties;

namespace {

Properties path(const char* text) {
    return {{"CgroupsPath", std::string(text)}};
}

/// A unit that failed and that nobody has collected.
void leaveFailed(const Guest& guest, const std::string& unit) {
    Child child(Child::ignoreTerm);
    guest.systemd.startScope(unit, child.pid(),
                             {{"TimeoutStopUSec", std::uint64_t{100'000}}, {"RuntimeMaxUSec", std::uint64_t{100'000}}});
    REQUIRE(eventually([&] { return guest.systemd.state(unit) == "failed"; }));
}

} // namespace

TEST_CASE("a sandbox can have the unit name and the slice that its maker wants") {
    Guest guest;
    Child child;
    const Created created = guest.create(
        "web", {&child}, {{"Slice", std::string("machine.slice")}, {"UnitName", std::string("Runsc-web_1.scope")}});
    CHECK(created.unit == "Runsc-web_1.scope");
    CHECK(created.controlGroup == "/machine.slice/Runsc-web_1.scope");
    CHECK(created.object == "/org/scopewright1/sandbox/web");
    CHECK(child.controlGroup() == created.payload());
    CHECK(textOf(guest.systemd.properties(created.unit), "Slice") == "machine.slice");
}

TEST_CASE("OCI's cgroupsPath in its systemd form names slice and unit") {
    Guest guest;
    std::deque<Child> children(4);
    const Created runsc = guest.create("one", {&children[0]}, path("machine.slice:runsc:abc"));
    CHECK(runsc.unit == "runsc-abc.scope");
    CHECK(runsc.controlGroup == "/machine.slice/runsc-abc.scope");
    const Created kube = guest.create("two", {&children[1]}, path("kubepods-burstable-pod1.slice:cri-containerd:def"));
    CHECK(kube.unit == "cri-containerd-def.scope");
    CHECK(kube.controlGroup ==
          "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-def.scope");
    CHECK(guest.create("three", {&children[2]}, path(":crio:ghi")).controlGroup == "/scopewright.slice/crio-ghi.scope");
    CHECK(guest.create("four", {&children[3]}, path("machine.slice::jkl")).unit == "jkl.scope");
    const Properties sandbox = guest.client.properties(kube.object, kSandbox);
    CHECK(textOf(sandbox, "Slice") == "kubepods-burstable-pod1.slice");
}

TEST_CASE("a unit of somebody else's is not touched", "[attack-4]") {
    Guest guest;
    Child foreign, child;
    guest.systemd.startScope("runsc-abc.scope", foreign.pid());
    const std::string home = child.controlGroup();
    const std::string theirs = foreign.controlGroup();
    const auto invocation = [&] {
        return valueOf<std::vector<std::uint8_t>>(guest.systemd.properties("runsc-abc.scope"), "InvocationID");
    };
    const std::vector<std::uint8_t> before = invocation();
    CHECK(guest.tryCreate("web", {&child}, path("machine.slice:runsc:abc")).error ==
          "org.scopewright1.Error.UnitNameTaken");
    CHECK(foreign.alive());
    CHECK(foreign.controlGroup() == theirs);
    CHECK(treeOf(theirs).size() == 1);
    CHECK(invocation() == before);
    CHECK(child.controlGroup() == home);
    CHECK_FALSE(guest.knows("web"));
    guest.systemd.stop("runsc-abc.scope");
}

TEST_CASE("a unit of another sandbox's is taken, too") {
    Guest guest;
    Child first, second;
    guest.create("one", {&first}, path("machine.slice:runsc:abc"));
    CHECK(guest.tryCreate("two", {&second}, path("machine.slice:runsc:abc")).error ==
          "org.scopewright1.Error.UnitNameTaken");
    CHECK(guest.list().size() == 1);
}

TEST_CASE("what is left of a failed unit does not keep its name") {
    Guest guest;
    Child first, second;
    leaveFailed(guest, "runsc-old.scope");
    const Created named = guest.create("web", {&first}, path("machine.slice:runsc:old"));
    CHECK(named.controlGroup == "/machine.slice/runsc-old.scope");
    leaveFailed(guest, "scopewright-0-db.scope");
    const Created own = guest.create("db", {&second});
    CHECK(second.controlGroup() == own.payload());
}

TEST_CASE("an id exists once") {
    Guest guest;
    Child first, second;
    guest.create("web", {&first});
    const std::string home = second.controlGroup();
    CHECK(guest.tryCreate("web", {&second}).error == "org.scopewright1.Error.SandboxExists");
    CHECK(guest.tryCreate("web", {&second}, path("machine.slice:runsc:abc")).error ==
          "org.scopewright1.Error.SandboxExists");
    CHECK(guest.tryCreate("web", {&second}, {{"Token", std::string("t")}}).error ==
          "org.scopewright1.Error.SandboxExists");
    CHECK(second.controlGroup() == home);
    CHECK(guest.list().size() == 1);
}

TEST_CASE("the same token and arguments again have the same answer") {
    Guest guest;
    Recorder recorder;
    Child child;
    const Properties token{{"Token", std::string("7f0c")}, {"memory.limit", std::int64_t{268435456}}};
    const Created created = guest.create("web", {&child}, token);
    CHECK(guest.create("web", {&child}, token) == created);
    CHECK(recorder.count([](const Signal& signal) { return signal.member == "SandboxNew"; }) == 1);
}

TEST_CASE("the same token with other arguments is a mistake") {
    Guest guest;
    Child child, other;
    const std::string token = "7f0c";
    guest.create("web", {&child}, {{"Token", token}});
    const char* const kMismatch = "org.scopewright1.Error.TokenMismatch";
    CHECK(guest.tryCreate("web", {&child}, {{"Token", token}, {"pids.limit", std::int64_t{64}}}).error == kMismatch);
    CHECK(guest.tryCreate("web", {&child}, {{"Token", token}, {"Description", std::string("x")}}).error == kMismatch);
    CHECK(guest.tryCreate("web", {&child, &other}, {{"Token", token}}).error == kMismatch);
    CHECK(guest.client.manager("StopSandbox", "web").ok());
}

TEST_CASE("of two requests for one id at once exactly one succeeds", "[fault-10]") {
    Guest guest;
    for (int round = 0; round < times(20); ++round) {
        CAPTURE(round);
        Client one, two;
        Child first, second;
        const std::string home = first.controlGroup();
        const auto request = [](const Client& client, const Child& child) {
            return client.request(kManagerPath, kManager, "CreateSandbox", "web",
                                  Properties{{"PIDs", numbers({&child})}}, std::uint64_t{0});
        };
        Pending a(one, request(one, first)), b(two, request(two, second));
        const std::string errors = a.wait().error + b.wait().error;
        CHECK(errors == "org.scopewright1.Error.SandboxExists");
        const Child& loser = a.wait().ok() ? second : first;
        CHECK(loser.alive());
        CHECK(loser.controlGroup() == home);
        CHECK(guest.list().size() == 1);
        guest.client.manager("StopSandbox", "web").must();
    }
}

TEST_CASE("a hundred requests with one token at once have one effect", "[fault-9][fault-12]") {
    Guest guest;
    Recorder recorder;
    Child child;
    const Properties properties{{"Token", std::string("t")}, {"PIDs", numbers({&child})}};
    std::deque<Pending> pending;
    for (int i = 0; i < 100; ++i)
        pending.emplace_back(guest.client, guest.client.request(kManagerPath, kManager, "CreateSandbox", "web",
                                                                properties, std::uint64_t{0}));
    const Created created = createdBy(pending.front().wait());
    for (Pending& one : pending)
        CHECK(createdBy(one.wait()) == created);
    CHECK(recorder.count([](const Signal& signal) { return signal.member == "SandboxNew"; }) == 1);
    CHECK(guest.list().size() == 1);
}

TEST_CASE("many sandboxes are made at once") {
    Guest guest;
    const std::size_t count = static_cast<std::size_t>(times(100));
    std::deque<Child> children(count);
    std::deque<Pending> pending;
    for (std::size_t i = 0; i < count; ++i)
        pending.emplace_back(guest.client,
                             guest.client.request(kManagerPath, kManager, "CreateSandbox", "s" + std::to_string(i),
                                                  Properties{{"PIDs", numbers({&children[i]})}}, std::uint64_t{0}));
    for (std::size_t i = 0; i < count; ++i)
        CHECK(children[i].controlGroup() == createdBy(pending[i].wait()).payload());
    CHECK(guest.list().size() == count);
}

TEST_CASE("there is a bound to the sandboxes of all", "[attack-52]") {
    Guest guest;
    Child first, second, third;
    guest.client.manager("ListSandboxes").must();
    guest.configure("[limits]\nsandboxes = 2\nsandboxes-per-user = 1\n");
    guest.create("one", {&first});
    guest.create("two", {&second});
    CHECK(guest.tryCreate("three", {&third}).error == "org.freedesktop.DBus.Error.LimitsExceeded");
    guest.client.manager("StopSandbox", "one").must();
    guest.create("three", {&third});
}
