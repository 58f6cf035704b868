// SPDX-License-Identifier: LGPL-2.1-or-later
// What a process can do in the sub-tree that was handed to it, and what the daemon makes of it: nothing it finds below
// the payload's boundary is a reason for anything.
#include "sandbox/bench.h"

#include "cgroup/group.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

using namespace scopewright;
using namespace scopewright::unit;

namespace {

constexpr uid_t kOwner = 65534;
constexpr uid_t kNeighbour = 65533;

/// A sandbox "web" whose payload belongs to uid 65534, with one process in it.
class Delegated : public Bench {
public:
    Delegated() : process(child()) {
        Pending reply = answer(create("web", with(pids(process), "User", std::to_string(kOwner))));
        INFO(reply->text);
        REQUIRE(reply->error.empty());
    }

    Child& process;

    std::string payload() { return scopeOf("web") + "/payload"; }
    std::string directory(const std::string& below = "") { return tree().directory(payload() + below); }

    /// What a process of that uid does; true if the kernel let it.
    bool can(uid_t uid, const std::function<bool()>& act) {
        return !fake::refusedTo(uid, [&] {
            if (!act()) throw std::runtime_error("refused");
        });
    }
    bool makes(uid_t uid, const std::string& below) {
        return can(uid, [&] { return ::mkdir(directory(below).c_str(), 0777) == 0; });
    }
    bool writes(uid_t uid, const std::string& below, const std::string& text) {
        return can(uid, [&] {
            const UniqueFd file(::open(directory(below).c_str(), O_WRONLY | O_CLOEXEC));
            return ::write(file.value(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
        });
    }

    Pending attach(const Child& other) {
        return answer(manager(kRoot, "AttachProcesses", "web", "payload", std::vector<std::uint32_t>{other.number()}));
    }

    void stopsWhole() {
        Pending reply = answer(manager(kRoot, "StopSandbox", "web"));
        CHECK(reply->text == "");
        CHECK_FALSE(process.alive());
        CHECK_FALSE(tree().exists(scopeOf("web")));
    }
};

} // namespace

TEST_CASE("who owns the payload can make groups in it, and change nothing at its boundary",
          "[attack-31][attack-32][attack-34]") {
    NEEDS_CGROUPS();
    Delegated bench;
    CHECK(bench.makes(kOwner, "/inner"));
    for (const char* file : {"/cgroup.max.depth", "/cgroup.max.descendants"}) {
        CAPTURE(file);
        const std::string before = bench.tree().read(bench.payload(), file + 1);
        CHECK_FALSE(bench.writes(kOwner, file, "max"));
        CHECK(bench.tree().read(bench.payload(), file + 1) == before);
    }
    CHECK_FALSE(bench.writes(kOwner, "/cgroup.freeze", "1"));
    CHECK_FALSE(bench.writes(kOwner, "/cgroup.kill", "1"));
    CHECK_FALSE(bench.writes(kOwner, "/cgroup.type", "threaded"));
    CHECK_FALSE(bench.makes(kOwner, "/../beside"));
    CHECK_FALSE(bench.can(kOwner, [&] { return ::rmdir(bench.directory("/inner/..").c_str()) == 0; }));
    bench.stopsWhole();
}

TEST_CASE("a sub-tree that was made threaded is no obstacle to anything", "[attack-34]") {
    NEEDS_CGROUPS();
    Delegated bench;
    REQUIRE(bench.makes(kOwner, "/inner"));
    REQUIRE(bench.makes(kOwner, "/sibling"));
    REQUIRE(bench.writes(kOwner, "/inner/cgroup.type", "threaded"));
    REQUIRE(bench.tree().read(bench.payload() + "/sibling", "cgroup.type").starts_with("domain invalid"));
    Child& more = bench.child();
    CHECK(bench.attach(more)->text == "");
    CHECK(more.controlGroup() == bench.payload());
    for (const char* member : {"FreezeSandbox", "ThawSandbox"})
        CHECK(bench.answer(bench.manager(Bench::kRoot, member, "web"))->text == "");
    CHECK(bench.answer(bench.createCompat("web", "c"))->text == "");
    bench.stopsWhole();
}

TEST_CASE("a payload that passes controllers on takes no process, and says so at once", "[attack-35]") {
    NEEDS_CGROUPS();
    Delegated bench;
    // From the top down; which controllers there are is the machine's affair.
    const std::string top = bench.tree().read(bench.tree().prefix(), "cgroup.controllers");
    const std::string controller = top.substr(0, top.find_first_of(" \n"));
    if (controller != "memory" && controller != "io" && controller != "hugetlb" && controller != "misc")
        SKIP_TEST("no controller here keeps processes out of inner groups: " + top);
    const std::string slice = bench.tree().prefix() + "/scopewright.slice";
    for (const std::string& group : {bench.tree().prefix(), slice, bench.scopeOf("web")})
        std::ofstream(bench.tree().directory(group) + "/cgroup.subtree_control") << "+" << controller;
    REQUIRE(bench.makes(kOwner, "/inner"));
    REQUIRE(bench.tree().move(bench.payload() + "/inner", bench.process.pid()));
    REQUIRE(bench.writes(kOwner, "/cgroup.subtree_control", "+" + controller));
    Child& more = bench.child();
    const std::string home = more.controlGroup();
    CHECK(bench.attach(more)->error == ours("Busy"));
    CHECK(more.controlGroup() == home);
    CHECK(bench.tree().read(bench.payload(), "cgroup.subtree_control").starts_with(controller));
    bench.stopsWhole();
}

TEST_CASE("modes, owners and marks below the boundary mean nothing", "[attack-36][attack-37][attack-42]") {
    NEEDS_CGROUPS();
    Delegated bench;
    REQUIRE(bench.answer(bench.createCompat("web", "c"))->text == "");
    const Lines groups = bench.groups("web");
    const std::string before = bench.describe();
    REQUIRE(bench.can(kOwner, [&] { return ::chmod(bench.directory().c_str(), 0777) == 0; }));
    REQUIRE(bench.makes(kOwner, "/mine"));
    REQUIRE(bench.makes(kNeighbour, "/theirs"));
    REQUIRE(bench.makes(kNeighbour, "/theirs/deeper"));
    // A real mark, as the compat group has it, on everything that can be had.
    const std::string marked = bench.tree().directory(bench.scopeOf("web") + "/c") + "/cgroup.max.depth";
    std::string mark(4096, '\0');
    const ssize_t size = ::getxattr(marked.c_str(), "user.scopewright.group", mark.data(), mark.size());
    REQUIRE(size > 0);
    mark.resize(static_cast<std::size_t>(size));
    const auto forge = [&](uid_t uid, const std::string& below) {
        return bench.can(uid, [&] {
            return ::setxattr(bench.directory(below).c_str(), "user.scopewright.group", mark.data(), mark.size(), 0) ==
                   0;
        });
    };
    CHECK(forge(kOwner, ""));
    CHECK(forge(kOwner, "/mine/cgroup.max.depth"));
    CHECK(forge(kNeighbour, "/theirs/cgroup.max.depth"));
    CHECK_FALSE(forge(kOwner, "/cgroup.max.depth"));
    CHECK_FALSE(forge(kNeighbour, "/cgroup.max.depth"));
    REQUIRE(bench.can(kNeighbour, [&] { return ::chmod(bench.directory("/theirs").c_str(), 0) == 0; }));
    for (int turn = 0; turn < 2; ++turn) {
        CHECK(bench.groups("web") == groups);
        CHECK(bench.describe() == before);
        bench.restart();
    }
    bench.stopsWhole();
}

TEST_CASE("a payload that freezes itself is running for us, and is stopped", "[attack-38]") {
    NEEDS_CGROUPS();
    Delegated bench;
    REQUIRE(bench.makes(kOwner, "/inner"));
    REQUIRE(bench.tree().move(bench.payload() + "/inner", bench.process.pid()));
    REQUIRE(bench.writes(kOwner, "/inner/cgroup.freeze", "1"));
    CHECK(bench.state("web") == "running");
    bench.stopsWhole();
}

TEST_CASE("processes that move about in their sub-tree make no noise", "[attack-41]") {
    NEEDS_CGROUPS();
    Delegated bench;
    REQUIRE(bench.makes(kOwner, "/inner"));
    bench.settle();
    const std::size_t told = bench.signals().size();
    const std::size_t asked = bench.systemd.log().size();
    for (int turn = 0; turn < 500; ++turn) {
        REQUIRE(bench.tree().move(bench.payload() + (turn % 2 ? "" : "/inner"), bench.process.pid()));
        if (turn % 50 == 0) bench.settle();
    }
    bench.settle();
    CHECK(bench.signals().size() == told);
    CHECK(bench.systemd.log().size() == asked);
    CHECK(bench.state("web") == "running");
}

TEST_CASE("processes that fork all the time end with their sandbox", "[attack-39]") {
    NEEDS_CGROUPS();
    Bench bench;
    std::vector<const Child*> children;
    for (int i = 0; i < 4; ++i)
        children.push_back(&bench.child(Child::Kind::Forking));
    REQUIRE(bench.answer(bench.create("web", pids(children)))->text == "");
    CHECK(bench.answer(bench.manager(Bench::kRoot, "StopSandbox", "web"))->text == "");
    CHECK(std::ranges::none_of(children, [](const Child* child) { return child->alive(); }));
    CHECK_FALSE(bench.tree().exists(bench.scopeOf("web")));
}

TEST_CASE("a directory that was made anew under the same name is another group", "[attack-16]") {
    NEEDS_CGROUPS();
    fake::CgroupTree tree;
    const cgroup::Group place = *cgroup::Group::openRoot(tree.mountPoint()).open(tree.prefix());
    Child child(tree, tree.prefix() + "/home");
    place.makeChild("a");
    const cgroup::Group held = *place.child("a");
    place.removeChild("a");
    place.makeChild("a");
    CHECK(held.tryWrite("cgroup.procs", std::to_string(child.pid())) != 0);
    CHECK_THROWS_AS(held.makeChild("b"), Error);
    CHECK_FALSE(held.populated());
    CHECK(place.child("a")->children().empty());
    CHECK(child.controlGroup() == tree.prefix() + "/home");
}

TEST_CASE("what is mounted or linked in the way is not entered", "[attack-15][attack-1]") {
    NEEDS_CGROUPS();
    fake::CgroupTree tree;
    tree.make(tree.prefix() + "/a/b");
    const cgroup::Group place = *cgroup::Group::openRoot(tree.mountPoint()).open(tree.prefix());
    REQUIRE(place.open("/a/b").has_value());
    // In a mount namespace of its own; what goes wrong before the last line is no refusal.
    const auto enter = [&](bool mounted) {
        if (::unshare(CLONE_NEWNS) < 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0) return;
        const std::string directory = tree.directory(tree.prefix() + "/a");
        if (mounted && ::mount("none", directory.c_str(), "tmpfs", 0, nullptr) < 0) return;
        static_cast<void>(cgroup::Group::openRoot(tree.mountPoint()).open(tree.prefix() + "/a"));
    };
    CHECK_FALSE(fake::refusedTo(0, [&] { enter(false); }));
    CHECK(fake::refusedTo(0, [&] { enter(true); }));
}
