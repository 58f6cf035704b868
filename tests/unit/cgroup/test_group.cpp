// SPDX-License-Identifier: LGPL-2.1-or-later
// On real control groups: no file system imitates kernfs.
#include "cgroup/group.h"

#include "catch.h"
#include "cgroup_tree.h"
#include "child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

using namespace scopewright;
using cgroup::Group;
using fake::CgroupTree;
using fake::Child;

#define NEEDS_CGROUPS()                                                                                                \
    if (const std::string why = CgroupTree::whyNot(); !why.empty()) SKIP_TEST(why)

namespace {

/// A test's own piece of the hierarchy.
struct Place {
    Place() : root(Group::openRoot(tree.mountPoint())), group(*root.open(tree.prefix())) {}

    CgroupTree tree;
    Group root;
    Group group;
};

bool changed(int events, int milliseconds) {
    pollfd change{events, POLLPRI, 0};
    return ::poll(&change, 1, milliseconds) > 0 && (change.revents & POLLPRI);
}

std::size_t files(const std::string& directory) {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory))
        count += entry.is_regular_file();
    return count;
}

std::size_t openDescriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

} // namespace

TEST_CASE("only a cgroup2 mount is a root", "[attack-15]") {
    NEEDS_CGROUPS();
    CgroupTree tree;
    CHECK_NOTHROW(Group::openRoot(tree.mountPoint()));
    CHECK_CODE(Group::openRoot("/tmp"), NotSupported);
    CHECK_CODE(Group::openRoot("/nonexistent"), Io);
    CHECK_CODE(Group::openRoot("/dev/null"), Io);
}

TEST_CASE("a group is made once, opened by its path, and removed") {
    NEEDS_CGROUPS();
    Place here;
    CHECK(here.group.makeChild("payload"));
    CHECK_FALSE(here.group.makeChild("payload"));
    CHECK(here.group.children() == std::vector<std::string>{"payload"});
    CHECK(here.group.child("payload").has_value());
    CHECK(here.root.open(here.tree.prefix() + "/payload").has_value());
    here.group.removeChild("payload");
    CHECK_FALSE(here.group.child("payload").has_value());
    CHECK(here.group.children().empty());
    CHECK_NOTHROW(here.group.removeChild("payload"));
}

TEST_CASE("what is not there is nothing, and no error") {
    NEEDS_CGROUPS();
    Place here;
    CHECK_FALSE(here.root.open("/no/such.scope").has_value());
    CHECK_FALSE(here.group.child("nothing").has_value());
    CHECK_FALSE(here.group.read("no.such.file").has_value());
    CHECK_FALSE(here.group.write("no.such.file", "1"));
    CHECK(here.group.tryWrite("no.such.file", "1") == ENOENT);
}

TEST_CASE("no attribute file is ever created") {
    NEEDS_CGROUPS();
    Place here;
    const std::string directory = here.tree.directory(here.tree.prefix());
    const std::size_t before = files(directory);
    here.group.write("memory.nonsense", "1");
    here.group.tryWrite("x", "1");
    CHECK(files(directory) == before);
}

TEST_CASE("a path out of the hierarchy is refused before anything is opened", "[attack-1]") {
    NEEDS_CGROUPS();
    Place here;
    for (const char* path : {"", "/", "/..", "/a/../..", "a", "/a//b", "/./a"}) {
        CAPTURE(path);
        CHECK_CODE(here.group.open(path), Io);
    }
    CHECK_CODE(here.group.child(".."), Io);
    CHECK_CODE(here.group.child("a/../../b"), Io);
}

TEST_CASE("an attribute file is no group") {
    NEEDS_CGROUPS();
    Place here;
    CHECK(!unit::errorOf([&] { (void)here.group.child("cgroup.procs"); }).empty());
}

TEST_CASE("a whole attribute is read, however long") {
    NEEDS_CGROUPS();
    Place here;
    CHECK(here.group.read("cgroup.type") == "domain\n");
    CHECK(here.group.read("cgroup.procs") == "");
    const std::string stat = here.group.read("cgroup.stat").value_or("");
    CHECK(stat.find("nr_descendants") == 0);
    CHECK(stat.back() == '\n');
}

TEST_CASE("a written attribute reads back, a refused value is an error that names it") {
    NEEDS_CGROUPS();
    Place here;
    CHECK(here.group.write("cgroup.max.depth", "3"));
    CHECK(here.group.read("cgroup.max.depth") == "3\n");
    try {
        here.group.write("cgroup.max.depth", "no\nnumber");
        FAIL("accepted");
    } catch (const Error& error) {
        CHECK(error.code() == ErrorCode::Io);
        CHECK(std::string(error.what()) == "write 'no\\x0anumber' to 'cgroup.max.depth': Invalid argument");
    }
    CHECK(here.group.tryWrite("cgroup.max.depth", "-1") != 0);
    CHECK(here.group.read("cgroup.max.depth") == "3\n");
}

TEST_CASE("the kernel's cap on depth and number is LimitsExceeded", "[fault-28]") {
    NEEDS_CGROUPS();
    Place here;
    here.group.write("cgroup.max.depth", "1");
    here.group.makeChild("a");
    CHECK_CODE(here.group.child("a")->makeChild("b"), LimitsExceeded);
    here.group.write("cgroup.max.depth", "max");
    here.group.write("cgroup.max.descendants", "1");
    CHECK_CODE(here.group.makeChild("c"), LimitsExceeded);
}

TEST_CASE("a process that is moved is listed in its new group, and nowhere else") {
    NEEDS_CGROUPS();
    Place here;
    Child child(here.tree, here.tree.prefix() + "/source");
    here.group.makeChild("target");
    const Group source = *here.group.child("source");
    const Group target = *here.group.child("target");
    CHECK(source.processes() == std::vector<pid_t>{child.pid()});
    CHECK(target.processes().empty());
    CHECK(target.populated() == false);
    target.addProcess(child.pid());
    CHECK(target.processes() == std::vector<pid_t>{child.pid()});
    CHECK(target.populated() == true);
    CHECK(source.populated() == false);
    CHECK(child.controlGroup() == here.tree.prefix() + "/target");
}

TEST_CASE("a group is populated by what lives below it") {
    NEEDS_CGROUPS();
    Place here;
    Child child(here.tree, here.tree.prefix() + "/a/b/c");
    const Group a = *here.group.child("a");
    CHECK(a.processes().empty());
    CHECK(a.populated() == true);
}

TEST_CASE("a process that does not exist cannot be moved") {
    NEEDS_CGROUPS();
    Place here;
    here.group.makeChild("a");
    CHECK_CODE(here.group.child("a")->addProcess(4194304), ProcessUnknown);
}

TEST_CASE("moving a zombie succeeds and moves nothing", "[attack-25]") {
    NEEDS_CGROUPS();
    Place here;
    Child zombie(here.tree, here.tree.prefix() + "/source", Child::Kind::Zombie);
    here.group.makeChild("target");
    const Group target = *here.group.child("target");
    CHECK_NOTHROW(target.addProcess(zombie.pid()));
    CHECK(target.populated() == false);
    CHECK(target.processes().empty());
}

TEST_CASE("a change of a group is seen by poll") {
    NEEDS_CGROUPS();
    Place here;
    Child child(here.tree, here.tree.prefix() + "/source");
    here.group.makeChild("target");
    const Group target = *here.group.child("target");
    const UniqueFd events = target.events();
    REQUIRE(events);
    CHECK_FALSE(changed(events.value(), 0));
    target.addProcess(child.pid());
    CHECK(changed(events.value(), 5000));
    const UniqueFd later = target.events();
    CHECK_FALSE(changed(later.value(), 0));
    child.kill();
    CHECK(changed(later.value(), 5000));
    CHECK(target.populated() == false);
}

TEST_CASE("the removal of a group is seen by poll") {
    NEEDS_CGROUPS();
    Place here;
    here.group.makeChild("a");
    const UniqueFd events = here.group.child("a")->events();
    here.group.removeChild("a");
    CHECK(changed(events.value(), 5000));
}

TEST_CASE("a group that is gone answers as if it had nothing, and takes nothing", "[attack-16]") {
    NEEDS_CGROUPS();
    Place here;
    Child child(here.tree, here.tree.prefix() + "/source");
    here.group.makeChild("a");
    const Group gone = *here.group.child("a");
    here.group.removeChild("a");
    CHECK_FALSE(gone.read("cgroup.events").has_value());
    CHECK_FALSE(gone.write("cgroup.max.depth", "1"));
    CHECK_FALSE(gone.populated().has_value());
    CHECK(gone.processes().empty());
    CHECK(gone.children().empty());
    CHECK(gone.controllers().empty());
    CHECK_FALSE(gone.kill());
    CHECK_FALSE(gone.events());
    CHECK_CODE(gone.addProcess(child.pid()), Io);
    CHECK(!unit::errorOf([&] { gone.makeChild("b"); }).empty());
    // A new group of that name is another one.
    here.group.makeChild("a");
    CHECK_FALSE(gone.read("cgroup.events").has_value());
    CHECK(child.controlGroup() == here.tree.prefix() + "/source");
}

TEST_CASE("killing a group kills everything in it and below, and nothing else") {
    NEEDS_CGROUPS();
    Place here;
    Child first(here.tree, here.tree.prefix() + "/a");
    Child second(here.tree, here.tree.prefix() + "/a/b/c");
    Child other(here.tree, here.tree.prefix() + "/other");
    const Group a = *here.group.child("a");
    const UniqueFd events = a.events();
    REQUIRE(a.kill());
    REQUIRE(changed(events.value(), 5000));
    CHECK(a.populated() == false);
    CHECK_FALSE(first.alive());
    CHECK_FALSE(second.alive());
    CHECK(other.alive());
}

TEST_CASE("a group with a process in it is Busy, and the process lives on", "[fault-41]") {
    NEEDS_CGROUPS();
    Place here;
    Child child(here.tree, here.tree.prefix() + "/a/b/c");
    here.group.child("a")->child("b")->makeChild("empty");
    REQUIRE_CODE(here.group.removeChild("a"), Busy);
    CHECK(child.alive());
    CHECK(here.group.child("a").has_value());
    CHECK(child.controlGroup() == here.tree.prefix() + "/a/b/c");
    child.kill();
    CHECK_NOTHROW(here.group.removeChild("a"));
}

TEST_CASE("a group with only a zombie in it can be removed") {
    NEEDS_CGROUPS();
    Place here;
    Child zombie(here.tree, here.tree.prefix() + "/a", Child::Kind::Zombie);
    CHECK_NOTHROW(here.group.removeChild("a"));
    CHECK_FALSE(here.group.child("a").has_value());
}

TEST_CASE("a tree deeper than any path can name is removed with a handful of descriptors", "[fault-40][attack-31]") {
    NEEDS_CGROUPS();
    Place here;
    constexpr int kLevels = 1500;
    const std::size_t before = openDescriptors();
    here.group.makeChild("deep");
    std::optional<Group> current = here.group.child("deep");
    for (int level = 0; level < kLevels; ++level) {
        current->makeChild("level");
        current = current->child("level");
    }
    current.reset();
    CHECK(openDescriptors() == before);
    here.group.removeChild("deep");
    CHECK(here.group.children().empty());
    CHECK(openDescriptors() == before);
}

TEST_CASE("a tree as wide as it is deep is removed whole", "[attack-32]") {
    NEEDS_CGROUPS();
    Place here;
    here.group.makeChild("wide");
    const Group wide = *here.group.child("wide");
    for (int i = 0; i < 60; ++i) {
        const std::string name = "n" + std::to_string(i);
        wide.makeChild(name);
        for (int j = 0; j < 5; ++j) {
            wide.child(name)->makeChild("m" + std::to_string(j));
            wide.child(name)->child("m" + std::to_string(j))->makeChild("leaf");
        }
    }
    here.group.removeChild("wide");
    CHECK(here.group.children().empty());
}

TEST_CASE("enabling controllers reports those that cannot be had and enables the rest", "[fault-30]") {
    NEEDS_CGROUPS();
    Place here;
    CHECK(here.group.enable({}).empty());
    CHECK(here.group.enable({"nosuch"}) == std::vector<std::string>{"nosuch"});
    const std::vector<std::string> available = here.group.controllers();
    std::vector<std::string> wanted = available;
    wanted.emplace_back("nosuch");
    CHECK(here.group.enable(wanted) == std::vector<std::string>{"nosuch"});
    here.group.makeChild("a");
    CHECK(here.group.child("a")->controllers() == available);
}

TEST_CASE("what is handed over is the directory and the files by which a subtree is run") {
    NEEDS_CGROUPS();
    Place here;
    here.group.makeChild("a");
    here.group.child("a")->handOver(1001, 1002);
    const std::string directory = here.tree.directory(here.tree.prefix() + "/a");
    const auto owner = [&](const std::string& file) {
        struct stat info {};
        return ::stat((directory + file).c_str(), &info) == 0 ? info.st_uid : uid_t(-1);
    };
    for (const char* file : {"", "/cgroup.procs", "/cgroup.threads", "/cgroup.subtree_control"})
        CHECK(owner(file) == 1001);
    for (const char* file : {"/cgroup.max.depth", "/cgroup.max.descendants", "/cgroup.freeze", "/cgroup.kill"})
        CHECK(owner(file) == 0);
}

TEST_CASE("a group's descriptors are not inherited", "[attack-40]") {
    NEEDS_CGROUPS();
    Place here;
    CHECK((::fcntl(here.group.fd(), F_GETFD) & FD_CLOEXEC) != 0);
    const UniqueFd events = here.group.events();
    CHECK((::fcntl(events.value(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("every group below is visited once, with a bounded number of descriptors") {
    NEEDS_CGROUPS();
    Place place;
    const std::vector<std::string> made{"/a", "/a/x", "/a/x/y", "/b", "/b/x", "/b/z"};
    for (const std::string& path : made)
        place.tree.make(place.tree.prefix() + path);
    const std::size_t before = openDescriptors();
    std::size_t most = 0;
    std::vector<ino_t> seen;
    place.group.visit([&](const Group& group) {
        struct stat status {};
        REQUIRE(::fstat(group.fd(), &status) == 0);
        seen.push_back(status.st_ino);
        most = std::max(most, openDescriptors());
    });
    CHECK(seen.size() == made.size() + 1);
    std::ranges::sort(seen);
    CHECK(std::ranges::adjacent_find(seen) == seen.end());
    CHECK(most <= before + 3);
    CHECK(openDescriptors() == before);
}

TEST_CASE("the threads of a process whose leader has exited are found", "[attack-26]") {
    NEEDS_CGROUPS();
    Place place;
    Child split(place.tree, place.tree.prefix() + "/before", Child::Kind::SplitLeader);
    place.group.makeChild("a");
    const Group group = *place.group.child("a");
    // Its threads move; the leader, which has exited, does not.
    REQUIRE(group.tryWrite("cgroup.procs", std::to_string(split.pid())) == 0);
    REQUIRE(group.populated() == true);
    for (pid_t pid : group.threads())
        CHECK(pid != split.pid());
    CHECK(group.threads().size() == 1);
    CHECK(group.processes().empty());
}

TEST_CASE("events that this kernel does not tell of are nothing") {
    NEEDS_CGROUPS();
    Place place;
    CHECK(place.group.event("populated") == false);
    CHECK(place.group.event("frozen") == false);
    CHECK_FALSE(place.group.event("no-such-event"));
}

TEST_CASE("a group as a place gives no access to its files that its path does not", "[attack-40]") {
    NEEDS_CGROUPS();
    Place place;
    const UniqueFd fd = place.group.place();
    CHECK((::fcntl(fd.value(), F_GETFL) & O_PATH) != 0);
    CHECK((::fcntl(fd.value(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(::fchmod(fd.value(), 0777) < 0);
    CHECK(place.group.owner() == ::geteuid());
}
