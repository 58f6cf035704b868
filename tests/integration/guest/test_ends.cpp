// SPDX-License-Identifier: LGPL-2.1-or-later
#include "catch.h"
#include "crossing.h"
#include "guest/guest.h"

#include "base/fd.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <csignal>
#include <deque>

using namespace scopewright::integration;
using scopewright::Properties;

namespace {

/// A sandbox with a compat group, since that is what PID 1 knows nothing of.
struct Stage {
    explicit Stage(const Child::Life& life = Child::sleep, const Properties& more = {})
        : child(life), created(guest.create("web", {&child}, more)) {
        guest.createGroup("web", "c1");
    }

    Guest guest;
    Recorder recorder;
    Child child;
    Created created;

    void checkGone() {
        guest.checkGone("web", created, recorder);
        CHECK(eventually([&] { return !child.alive(); }));
        // The id and the name are free again.
        Child next;
        CHECK(guest.create("web", {&next}) == created);
    }
};

void freeze(const std::string& controlGroup) {
    REQUIRE(writeFile(controlGroup, "cgroup.freeze", "1") == 0);
    REQUIRE(eventually(
        [&] { return readFile(controlGroup, "cgroup.events").value_or("").find("frozen 1") != std::string::npos; }));
}

} // namespace

TEST_CASE("a sandbox ends when its last process exits", "[fault-35][machine]") {
    Stage stage;
    stage.child.kill();
    stage.checkGone();
}

TEST_CASE("a sandbox lives on while one of its processes does", "[fault-34]") {
    Guest guest;
    Recorder recorder;
    Child first, second;
    const Created created = guest.create("web", {&first, &second});
    first.kill();
    first.reap();
    CHECK(guest.knows("web"));
    CHECK(processesOf(created.payload()) == std::vector<pid_t>{second.pid()});
    second.kill();
    guest.checkGone("web", created, recorder);
}

TEST_CASE("a sandbox ends when its unit is stopped", "[fault-33]") {
    Stage stage;
    stage.guest.systemd.stop(stage.created.unit);
    stage.checkGone();
}

TEST_CASE("a sandbox ends when its unit is killed") {
    Stage stage;
    stage.guest.systemd.kill(stage.created.unit, SIGKILL);
    stage.checkGone();
}

TEST_CASE("a sandbox ends when its slice is stopped", "[fault-59]") {
    Stage stage(Child::sleep, {{"Slice", std::string("kubepods-test.slice")}});
    stage.guest.systemd.stop("kubepods-test.slice");
    stage.guest.checkGone("web", stage.created, stage.recorder);
    CHECK_FALSE(stage.child.alive());
}

TEST_CASE("StopSandbox returns when nothing is left") {
    Stage stage;
    stage.guest.client.manager("StopSandbox", "web").must();
    CHECK_FALSE(stage.child.alive());
    CHECK_FALSE(exists(stage.created.controlGroup));
    CHECK_FALSE(stage.guest.knows("web"));
    stage.checkGone();
}

TEST_CASE("PID 1 knows nothing of a sandbox whose stop was answered, and takes its name again", "[machine]") {
    Guest guest;
    const int rounds = times(20);
    // The daemon answers when the directory is gone, which is before PID 1 is through. One in two is old enough for
    // PID 1 to see by itself that its scope is empty.
    for (int round = 0; round < rounds; ++round) {
        CAPTURE(round);
        Child child;
        const Created created = guest.create("web", {&child});
        if (round % 2) pass(std::chrono::milliseconds(20));
        REQUIRE(guest.client.manager("StopSandbox", "web").ok());
        CHECK_FALSE(guest.systemd.find(created.unit));
        CHECK_FALSE(exists(created.controlGroup));
        CHECK_FALSE(child.alive());
        Child next;
        guest.systemd.startScope(created.unit, next.pid());
        CHECK(guest.systemd.state(created.unit) == "active");
        guest.systemd.stop(created.unit);
    }
}

TEST_CASE("Stop of the object does the same") {
    Stage stage;
    stage.guest.client.call(stage.created.object, kSandbox, "Stop").must();
    CHECK_FALSE(stage.child.alive());
    CHECK_FALSE(exists(stage.created.controlGroup));
    stage.checkGone();
}

TEST_CASE("StopSandbox does not wait for processes that ignore SIGTERM", "[attack-38]") {
    Stage stage(Child::ignoreTerm);
    stage.guest.client.manager("StopSandbox", "web").must();
    CHECK_FALSE(stage.child.alive());
    stage.checkGone();
}

TEST_CASE("StopSandbox ends frozen processes", "[attack-38]") {
    Stage stage;
    freeze(stage.created.payload());
    stage.guest.client.manager("StopSandbox", "web").must();
    CHECK_FALSE(stage.child.alive());
    stage.checkGone();
}

TEST_CASE("StopSandbox ends processes that fork all the time", "[attack-39][machine]") {
    Stage stage(Child::fork);
    stage.guest.client.manager("StopSandbox", "web").must();
    CHECK_FALSE(stage.child.alive());
    stage.checkGone();
}

TEST_CASE("StopSandbox removes deep and wide trees of groups", "[attack-32][machine]") {
    Stage stage;
    const std::string payload = stage.created.payload();
    REQUIRE(writeFile(payload, "cgroup.max.depth", "max") == 0);
    REQUIRE(writeFile(payload, "cgroup.max.descendants", "max") == 0);
    std::string deep = payload;
    for (int depth = 0; depth < 200; ++depth)
        deep += "/d";
    makeGroup(deep);
    for (int width = 0; width < times(200); ++width)
        makeGroup(payload + "/w" + std::to_string(width));
    Child below;
    REQUIRE(moveInto(deep, below.pid()) == 0);
    stage.guest.client.manager("StopSandbox", "web").must();
    CHECK_FALSE(below.alive());
    CHECK_FALSE(exists(stage.created.controlGroup));
    stage.checkGone();
}

TEST_CASE("StopSandbox of a tree whose path is too long for PID 1 leaves nothing", "[fault-40][fault-58][attack-31]") {
    Stage stage;
    const std::string payload = stage.created.payload();
    REQUIRE(writeFile(payload, "cgroup.max.depth", "max") == 0);
    // Longer than PATH_MAX, so one component at a time.
    const std::string name(200, 'd');
    scopewright::UniqueFd at(::open(directory(payload).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    for (int depth = 0; depth < 25; ++depth) {
        REQUIRE(::mkdirat(at.value(), name.c_str(), 0755) == 0);
        at = scopewright::UniqueFd(::openat(at.value(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        REQUIRE(at);
    }
    Child below;
    scopewright::UniqueFd procs(::openat(at.value(), "cgroup.procs", O_WRONLY | O_CLOEXEC));
    const std::string number = std::to_string(below.pid());
    REQUIRE(::write(procs.value(), number.data(), number.size()) > 0);
    stage.guest.client.manager("StopSandbox", "web").must();
    CHECK_FALSE(below.alive());
    CHECK_FALSE(exists(stage.created.controlGroup));
    stage.checkGone();
}

TEST_CASE("two requests to stop the same sandbox both succeed") {
    Stage stage(Child::fork);
    const Client other;
    Pending first(stage.guest.client, stage.guest.client.request(kManagerPath, kManager, "StopSandbox", "web"));
    Pending second(other, other.request(stage.created.object, kSandbox, "Stop"));
    CHECK(first.wait().error.empty());
    // The second may come when all is over.
    const std::string error = second.wait().error;
    CHECK((error.empty() || error == "org.scopewright1.Error.NoSuchSandbox"));
    stage.checkGone();
}

TEST_CASE("KillSandbox sends the signal to every process", "[machine]") {
    for (const int signal : {SIGTERM, SIGKILL}) {
        CAPTURE(signal);
        Stage stage(signal == SIGTERM ? Child::sleep : Child::ignoreTerm);
        Child inner;
        makeGroup(stage.created.payload() + "/inner");
        REQUIRE(moveInto(stage.created.payload() + "/inner", inner.pid()) == 0);
        stage.guest.client.manager("KillSandbox", "web", std::int32_t{signal}).must();
        CHECK(eventually([&] { return !inner.alive() && !stage.child.alive(); }));
        stage.checkGone();
    }
}

TEST_CASE("Kill of the object does the same") {
    Stage stage;
    stage.guest.client.call(stage.created.object, kSandbox, "Kill", std::int32_t{SIGTERM}).must();
    stage.checkGone();
}

TEST_CASE("a signal that ends nobody changes nothing") {
    Stage stage(Child::ignoreTerm);
    stage.guest.client.manager("KillSandbox", "web", std::int32_t{SIGTERM}).must();
    stage.guest.client.manager("KillSandbox", "web", std::int32_t{SIGCONT}).must();
    CHECK(stage.child.alive());
    CHECK(stage.guest.knows("web"));
}

TEST_CASE("a sandbox ends when its time is over") {
    Guest guest;
    Recorder recorder;
    Child child;
    const Created created = guest.create("web", {&child}, {{"RuntimeMaxUSec", std::uint64_t{500'000}}});
    guest.checkGone("web", created, recorder);
    CHECK_FALSE(child.alive());
}

TEST_CASE("sandboxes that end while the daemon is away are gone when it is back") {
    Guest guest;
    Child first, second;
    const Created one = guest.create("one", {&first});
    const Created two = guest.create("two", {&second});
    guest.stopDaemon();
    first.kill();
    CHECK(eventually([&] { return !exists(one.controlGroup); }));
    CHECK(guest.list() == std::vector<SandboxLine>{{"two", two.unit, 0, two.object}});
}

TEST_CASE("many sandboxes that end together are all told", "[fault-59]") {
    Guest guest;
    Recorder recorder;
    const std::size_t count = static_cast<std::size_t>(times(60));
    std::deque<Child> children(count);
    std::vector<Created> created;
    for (std::size_t i = 0; i < count; ++i)
        created.push_back(guest.create("s" + std::to_string(i), {&children[i]}));
    CHECK(guest.list().size() == count);
    for (Child& child : children)
        ::kill(child.pid(), SIGKILL);
    const auto removed = [](const Signal& signal) { return signal.member == "SandboxRemoved"; };
    CHECK(eventually([&] { return recorder.count(removed) == count; }));
    CHECK(guest.list().empty());
    for (const Created& one : created)
        CHECK(eventually([&] { return !exists(one.controlGroup) && !guest.systemd.find(one.unit); }));
}
