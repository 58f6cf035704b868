// SPDX-License-Identifier: LGPL-2.1-or-later
// A hostile user in a payload that was handed over, and another one beside it: what they make of it ends with it.
#include "base/fd.h"
#include "catch.h"
#include "guest/snapshot.h"
#include "guest/users.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>

using namespace scopewright::integration;
using scopewright::Properties;
using scopewright::UniqueFd;
namespace bus = scopewright::bus;

namespace {

using Pids = std::vector<std::uint32_t>;

const Properties kToAnna{{"User", std::string("anna")}};

/// Anna's sandbox "web", whose payload is hers, with one process of hers in it.
struct Stage {
    Town town;
    Worker worker;
    Created created;

    explicit Stage(const Child::Life& life = Child::sleep)
        : worker(town.guest, kAnna, life),
          created(createdBy(tryCreateAs(town.anna, "web", {&worker.child}, kToAnna))) {}

    std::string payload(const std::string& below = "") const { return created.payload() + below; }

    int makes(const User& user, const std::string& below) const {
        return asUser(user, [&] { return ::mkdir(directory(payload(below)).c_str(), 0755) < 0 ? errno : 0; });
    }
    int writes(const User& user, const std::string& controlGroup, const char* file, const std::string& text) const {
        return asUser(user, [&] { return writeFile(controlGroup, file, text); });
    }
    int moves(const User& user, const Child& child, const std::string& controlGroup) const {
        return asUser(user, [&] { return moveInto(controlGroup, child.pid()); });
    }

    void endsWhole() const {
        CHECK(town.anna.manager("StopSandbox", "web").ok());
        CHECK_FALSE(worker.child.alive());
        CHECK_FALSE(exists(created.controlGroup));
        CHECK(sandboxesIn(town.anna.manager("ListSandboxes")).empty());
    }
};

/// How many living processes have this uid.
std::size_t processesOfUser(uid_t uid) {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        struct stat status;
        if (entry.path().filename().string().find_first_not_of("0123456789") != std::string::npos) continue;
        count += ::stat(entry.path().c_str(), &status) == 0 && status.st_uid == uid;
    }
    return count;
}

} // namespace

TEST_CASE("a user's groups are as deep and as many as the configuration lets them be, and go with the sandbox",
          "[users][attack-31][attack-32]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    const Stage stage;
    // One process for all of them: a thousand would take as long.
    CHECK(asUser(kAnna, [&] {
              std::string deep = directory(stage.payload());
              int depth = 0;
              for (; depth < 100 && ::mkdir((deep += "/d").c_str(), 0755) == 0; ++depth) {}
              return errno == EAGAIN ? depth : 255;
          }) == 8);
    CHECK(asUser(kAnna, [&] {
              int groups = 8;
              for (; groups < 5000; ++groups)
                  if (::mkdir((directory(stage.payload()) + "/w" + std::to_string(groups)).c_str(), 0755) < 0) break;
              return errno == EAGAIN && groups == 1024 ? 0 : 1;
          }) == 0);
    for (const char* file : {"cgroup.max.depth", "cgroup.max.descendants", "cgroup.freeze", "cgroup.kill",
                             "cgroup.type", "cgroup.procs"}) {
        CAPTURE(file);
        CHECK(stage.writes(kAnna, stage.created.controlGroup, file, "max") == EACCES);
        if (std::string(file) != "cgroup.procs") CHECK(stage.writes(kAnna, stage.payload(), file, "max") == EACCES);
    }
    CHECK(stage.makes(kAnna, "/../beside") == EACCES);
    stage.endsWhole();
}

TEST_CASE("no process leaves its payload by its user's own hand, and none comes in", "[users][attack-21][attack-22]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    const Stage stage;
    const Client& anna = stage.town.anna;
    const Worker second(stage.town.guest, kAnna), outside(stage.town.guest, kAnna), berts(stage.town.guest, kBert);
    const Created other = createdBy(tryCreateAs(anna, "other", {&second.child}, kToAnna));
    REQUIRE(anna.manager("CreateCompatGroup", "web", "c1", Properties(), std::uint64_t{0}).ok());
    REQUIRE(stage.makes(kAnna, "/inner") == 0);
    REQUIRE(stage.moves(kAnna, stage.worker.child, stage.payload("/inner")) == 0);
    for (const std::string& group :
         {stage.created.controlGroup, stage.created.controlGroup + "/c1", other.payload(), kAnna.sliceGroup(),
          outside.child.controlGroup(), std::string("/system.slice"), std::string("")}) {
        CAPTURE(group);
        CHECK(stage.moves(kAnna, stage.worker.child, group) == EACCES);
    }
    CHECK(stage.moves(kAnna, outside.child, stage.payload()) == EACCES);
    REQUIRE(asUser(kAnna, [&] { return ::chmod(directory(stage.payload("/inner")).c_str(), 0777); }) == 0);
    CHECK(stage.moves(kBert, berts.child, stage.payload("/inner")) == EACCES);
    CHECK(stage.moves(kBert, stage.worker.child, berts.child.controlGroup()) == EACCES);
    CHECK(stage.worker.child.controlGroup() == stage.payload("/inner"));
    stage.town.guest.client.manager("StopSandbox", "2001:other").must();
    stage.endsWhole();
}

TEST_CASE("what users make of the inside of a payload is nothing to anybody else",
          "[users][attack-34][attack-36][attack-37][attack-42]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    const Stage stage;
    const Client& anna = stage.town.anna;
    REQUIRE(anna.manager("CreateCompatGroup", "web", "c1", Properties(), std::uint64_t{0}).ok());
    const std::vector<GroupLine> before = groupsIn(anna.manager("ListGroups", "web"));
    // A real mark, and everybody puts it on everything they can have.
    const std::string marked = directory(stage.created.controlGroup + "/c1") + "/cgroup.max.depth";
    std::string mark(4096, '\0');
    const ssize_t size = ::getxattr(marked.c_str(), "user.scopewright.group", mark.data(), mark.size());
    REQUIRE(size > 0);
    mark.resize(static_cast<std::size_t>(size));
    const auto forges = [&](const User& user, const std::string& below) {
        return asUser(user, [&] {
            const std::string path = directory(stage.payload(below));
            return ::setxattr(path.c_str(), "user.scopewright.group", mark.data(), mark.size(), 0) < 0 ? errno : 0;
        });
    };
    REQUIRE(asUser(kAnna, [&] { return ::chmod(directory(stage.payload()).c_str(), 0777); }) == 0);
    CHECK(stage.makes(kAnna, "/mine") == 0);
    CHECK(stage.makes(kBert, "/theirs") == 0);
    CHECK(stage.makes(kBert, "/theirs/deeper") == 0);
    CHECK(forges(kAnna, "") == 0);
    CHECK(forges(kAnna, "/mine/cgroup.max.depth") == 0);
    CHECK(forges(kBert, "/theirs/cgroup.max.depth") == 0);
    CHECK(forges(kAnna, "/cgroup.max.depth") == EACCES);
    CHECK(forges(kBert, "/cgroup.max.depth") == EACCES);
    CHECK(forges(kAnna, "/../c1/cgroup.max.depth") == EACCES);
    CHECK(stage.writes(kBert, stage.payload("/theirs"), "cgroup.type", "threaded") == 0);
    CHECK(readFile(stage.payload("/mine"), "cgroup.type") == "domain invalid");
    CHECK(asUser(kBert, [&] { return ::chmod(directory(stage.payload("/theirs")).c_str(), 0); }) == 0);
    for (int turn = 0; turn < 2; ++turn) {
        CHECK(groupsIn(anna.manager("ListGroups", "web")) == before);
        const Worker more(stage.town.guest, kAnna);
        CHECK(anna.manager("AttachProcesses", "web", "payload", Pids{more.child.number()}).ok());
        CHECK(more.child.controlGroup() == stage.payload());
        CHECK(anna.manager("FreezeSandbox", "web").ok());
        CHECK(anna.manager("ThawSandbox", "web").ok());
        stage.town.guest.killDaemon();
    }
    stage.endsWhole();
}

TEST_CASE("a user's processes that freeze themselves or fork without end are gone with their sandbox",
          "[users][attack-38][attack-39]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    const Stage stage(Child::fork);
    const Worker stubborn(stage.town.guest, kAnna, Child::ignoreTerm), more(stage.town.guest, kAnna, Child::fork);
    const Pids both{stubborn.child.number(), more.child.number()};
    REQUIRE(stage.town.anna.manager("AttachProcesses", "web", "payload", both).ok());
    REQUIRE(stage.makes(kAnna, "/inner") == 0);
    REQUIRE(stage.moves(kAnna, stubborn.child, stage.payload("/inner")) == 0);
    REQUIRE(stage.writes(kAnna, stage.payload("/inner"), "cgroup.freeze", "1") == 0);
    CHECK(textOf(stage.town.anna.properties(stage.created.object, kSandbox), "State") == "running");
    stage.endsWhole();
    CHECK_FALSE(stubborn.child.alive());
    CHECK_FALSE(more.child.alive());
    // Zombies of the test's own children are all that may be left, and root's they are not.
    CHECK(eventually([&] { return processesOfUser(kAnna.uid) <= 3; }));
}

TEST_CASE("a user's place in the tree is no key to it in another user's hands", "[users][attack-40]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    const Stage stage;
    const std::string object = stage.created.object + "/group/payload";
    const Answer answer = stage.town.anna.call(object, kGroup, "OpenDirectory");
    int place = -1;
    REQUIRE(sd_bus_message_read_basic(answer.must().reply.raw(), 'h', &place) > 0);
    const auto opens = [&](const char* file) {
        const UniqueFd fd(::openat(place, file, O_WRONLY | O_CLOEXEC));
        return fd ? 0 : errno;
    };
    // The kernel wants a common group that the caller may write to, and there is none: not even the owner gets in so.
    CHECK(asUser(kAnna, [&] { return tryStartIn(place); }) == EACCES);
    CHECK(asUser(kAnna, [&] { return opens("cgroup.procs"); }) == 0);
    CHECK(asUser(kBert, [&] { return tryStartIn(place); }) == EACCES);
    for (const char* file : {"cgroup.procs", "cgroup.subtree_control", "cgroup.kill", "cgroup.freeze"}) {
        CAPTURE(file);
        CHECK(asUser(kBert, [&] { return opens(file); }) == EACCES);
    }
    CHECK(asUser(kBert, [&] { return ::mkdirat(place, "mine", 0755) < 0 ? errno : 0; }) == EACCES);
    // What the daemon itself holds is nobody's to look at.
    const std::string descriptors = "/proc/" + std::to_string(stage.town.guest.daemonPid()) + "/fd";
    CHECK(asUser(kAnna, [&] { return ::open(descriptors.c_str(), O_RDONLY) < 0 ? errno : 0; }) == EACCES);
    stage.endsWhole();
}

TEST_CASE("a user's processes that move about in their payload are no news", "[users][attack-41]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    const Stage stage;
    REQUIRE(stage.makes(kAnna, "/inner") == 0);
    // What there is to tell of its start comes after that answer and before the next one.
    REQUIRE(stage.town.anna.manager("GetSandbox", "web").ok());
    Recorder recorder;
    const int moves = times(500);
    CHECK(asUser(kAnna, [&] {
              for (int turn = 0; turn < moves; ++turn)
                  if (moveInto(stage.payload(turn % 2 ? "" : "/inner"), stage.worker.child.pid()) != 0) return 1;
              return 0;
          }) == 0);
    CHECK(stage.town.anna.manager("GetSandbox", "web").ok());
    CHECK(recorder.count([](const Signal&) { return true; }) == 0);
    stage.endsWhole();
}
