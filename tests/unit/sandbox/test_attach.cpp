// SPDX-License-Identifier: LGPL-2.1-or-later
// Processes that join a sandbox later, and the way in for clone3.
#include "bench.h"
#include "faults.h"

#include <fcntl.h>
#include <sys/stat.h>

using namespace scopewright;
using namespace scopewright::unit;

namespace {

Pending attach(Bench& bench, const std::string& group, const std::vector<std::uint32_t>& pids,
               const char* sender = Bench::kRoot) {
    return bench.manager(sender, "AttachProcesses", "web", group, pids);
}

std::string payload(Bench& bench) {
    return bench.scopeOf("web") + "/payload";
}

} // namespace

TEST_CASE("processes join a group of a sandbox, by number and by descriptor") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    bench.makeProcessGroup("web", "more");
    Child& first = bench.child();
    Child& second = bench.child();
    Child& third = bench.child();
    CHECK(bench.answer(attach(bench, "payload", {first.number(), second.number()}))->text == "");
    CHECK(first.controlGroup() == payload(bench));
    CHECK(second.controlGroup() == payload(bench));
    CHECK(bench.answer(bench.manager(Bench::kRoot, "AttachProcessFDs", "web", "more", BorrowedFds{{third.pidfd()}}))
              ->text == "");
    CHECK(third.controlGroup() == bench.scopeOf("web") + "/more");
    // From one group of the sandbox to another one, and to where it is already.
    CHECK(bench.answer(attach(bench, "more", {first.number(), third.number()}))->text == "");
    CHECK(first.controlGroup() == bench.scopeOf("web") + "/more");
    // Through the object.
    const std::vector<std::uint32_t> numbers{first.number()};
    CHECK(
        bench
            .answer(bench.call(Bench::kRoot, bench.path("web"), Bench::kSandbox, "AttachProcesses", "payload", numbers))
            ->text == "");
    CHECK(first.controlGroup() == payload(bench));
    CHECK(bench
              .answer(bench.call(Bench::kRoot, bench.path("web"), Bench::kSandbox, "AttachProcessFDs", "more",
                                 BorrowedFds{{first.pidfd()}}))
              ->text == "");
    CHECK(first.controlGroup() == bench.scopeOf("web") + "/more");
}

TEST_CASE("processes move between sandboxes of one owner") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    Child& one = bench.child();
    Child& other = bench.child();
    REQUIRE(bench.answer(bench.create("db", pids({&one, &other})))->text == "");
    CHECK(bench.answer(attach(bench, "payload", {other.number()}))->text == "");
    CHECK(other.controlGroup() == payload(bench));
    CHECK(one.controlGroup() == bench.scopeOf("db") + "/payload");
}

TEST_CASE("who may not be moved stays where it is, and so do those named beside it", "[attack-23]") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    REQUIRE(bench.answer(bench.createCompat("web", "c"))->text == "");
    Child& good = bench.child();
    Child& zombie = bench.child(Child::Kind::Zombie);
    Child& split = bench.child(Child::Kind::SplitLeader);
    const std::uint32_t self = static_cast<std::uint32_t>(::getpid());
    REFUSED(bench, attach(bench, "payload", {}), fd("InvalidArgs"));
    REFUSED(bench, attach(bench, "payload", {0}), fd("InvalidArgs"));
    REFUSED(bench, attach(bench, "payload", {good.number(), good.number()}), fd("InvalidArgs"));
    REFUSED(bench, attach(bench, "c", {good.number()}), fd("InvalidArgs"));
    REFUSED(bench, attach(bench, "none", {good.number()}), ours("NoSuchGroup"));
    REFUSED(bench, attach(bench, "payload", {good.number(), 1}), ours("ProcessNotAllowed"));
    REFUSED(bench, attach(bench, "payload", {good.number(), self}), ours("ProcessNotAllowed"));
    REFUSED(bench, attach(bench, "payload", {good.number(), split.number()}), ours("ProcessNotAllowed"));
    REFUSED(bench, attach(bench, "payload", {good.number(), zombie.number()}), fd("UnixProcessIdUnknown"));
    REFUSED(bench, attach(bench, "payload", {good.number(), 4194303}), fd("UnixProcessIdUnknown"));
    REFUSED(bench, attach(bench, "payload", {good.number()}, Bench::kAlice), ours("NoSuchSandbox"));
    REFUSED(bench, attach(bench, "payload", std::vector<std::uint32_t>(1025, good.number())), fd("LimitsExceeded"));
    const UniqueFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    REFUSED(
        bench,
        bench.manager(Bench::kRoot, "AttachProcessFDs", "web", "payload", BorrowedFds{{good.pidfd(), file.value()}}),
        fd("InvalidArgs"));
}

TEST_CASE("a group that goes while a process is on its way to it is one that there is not") {
    NEEDS_CGROUPS();
    for (const char* function : {"openat", "write"}) {
        CAPTURE(function);
        Bench bench;
        bench.sandbox("web");
        bench.makeProcessGroup("web", "more");
        Child& child = bench.child();
        const std::string before = child.controlGroup();
        const std::string directory = bench.scopeOf("web") + "/more";
        fake::Fault fault(function, "/more/cgroup.procs", fake::Fault::kNothing);
        fault.before = [&](int) { bench.tree().remove(directory); };
        CHECK(bench.answer(attach(bench, "more", {child.number()}))->error == ours("NoSuchGroup"));
        CHECK(child.controlGroup() == before);
        CHECK(fault.calls() == 1);
    }
}

TEST_CASE("a group's directory is handed out as a place, through which nothing can be written", "[attack-40]") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    for (const char* group : {"payload", "c"}) {
        if (std::string(group) == "c") REQUIRE(bench.answer(bench.createCompat("web", "c"))->text == "");
        const std::string object = bench.path("web") + "/group/" + group;
        Pending reply = bench.answer(bench.call(Bench::kRoot, object, Bench::kGroup, "OpenDirectory"));
        REQUIRE(reply->text == "");
        int place = -1;
        REQUIRE(sd_bus_message_read_basic(reply->answer.raw(), 'h', &place) > 0);
        CHECK((::fcntl(place, F_GETFL) & O_PATH) != 0);
        struct stat given {
        }, there{};
        REQUIRE(::fstat(place, &given) == 0);
        REQUIRE(::stat(bench.tree().directory(bench.scopeOf("web") + "/" + group).c_str(), &there) == 0);
        CHECK(given.st_ino == there.st_ino);
    }
    const std::string none = bench.path("web") + "/group/none";
    CHECK(bench.answer(bench.call(Bench::kRoot, none, Bench::kGroup, "OpenDirectory"))->error == ours("NoSuchGroup"));
}
