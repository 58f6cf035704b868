// SPDX-License-Identifier: LGPL-2.1-or-later
#include "state/marks.h"

#include "catch.h"
#include "cgroup/group.h"
#include "cgroup_tree.h"
#include "child.h"
#include "state/text.h"

#include <sys/xattr.h>
#include <unistd.h>

using namespace scopewright;
using namespace scopewright::state;
using cgroup::Group;
using fake::CgroupTree;

namespace {

Mark example() {
    return Mark{
        "compat", "c1", "memory.limit=5000,pids.limit=-1", {{"cpu.burst", "unsupported"}, {"cpu.idle", "since.252"}}};
}

} // namespace

TEST_CASE("a mark comes back from its text") {
    CHECK(parseMark(toText(example())) == example());
    const Mark empty{"payload", "payload", "", {}};
    CHECK(parseMark(toText(empty)) == empty);
}

TEST_CASE("a text that is no whole mark is nothing") {
    const std::string good = toText(example());
    for (const std::string& text : {std::string(""), good.substr(1), good.substr(0, good.size() - 1), good + "x",
                                    std::string("v=1"), seal("v=2 kind=a name=b res= skip="),
                                    seal("v=1 kind=a name=b res="), seal("v=1 kind=a name=b res= skip=x")}) {
        CAPTURE(text);
        CHECK_FALSE(parseMark(text));
    }
}

TEST_CASE("a mark sits on its group, is replaced whole, and goes with the group") {
    if (const std::string why = CgroupTree::whyNot(); !why.empty()) SKIP_TEST(why);
    CgroupTree tree;
    const Group place = *Group::openRoot(tree.mountPoint()).open(tree.prefix());
    place.makeChild("a");
    {
        const Group group = *place.child("a");
        CHECK_FALSE(readMark(group.boundaryFile().value()));
        setMark(group.boundaryFile().value(), example());
        CHECK(readMark(group.boundaryFile().value()) == example());
        Mark other = example();
        other.resources = "";
        setMark(group.boundaryFile().value(), other);
        CHECK(readMark(place.child("a")->boundaryFile().value()) == other);
    }
    place.removeChild("a");
    place.makeChild("a");
    CHECK_FALSE(readMark(place.child("a")->boundaryFile().value()));
}

TEST_CASE("who owns a group that was handed over cannot touch its mark", "[attack-37]") {
    if (const std::string why = CgroupTree::whyNot(); !why.empty()) SKIP_TEST(why);
    CgroupTree tree;
    const Group place = *Group::openRoot(tree.mountPoint()).open(tree.prefix());
    place.makeChild("a");
    const Group group = *place.child("a");
    setMark(group.boundaryFile().value(), example());
    group.handOver(65534, 65534);
    CHECK(fake::refusedTo(65534, [&] { setMark(group.boundaryFile().value(), Mark{"payload", "x", "", {}}); }));
    CHECK(readMark(group.boundaryFile().value()) == example());
}

TEST_CASE("the fullest mark there can be is read back whole") {
    if (const std::string why = CgroupTree::whyNot(); !why.empty()) SKIP_TEST(why);
    CgroupTree tree;
    const Group place = *Group::openRoot(tree.mountPoint()).open(tree.prefix());
    Mark mark{"compat", std::string(128, 'n'), std::string(300, 'r'), {}};
    for (int i = 0; i < 32; ++i)
        mark.skipped.emplace_back("blockIO.throttleWriteIOPSDevice", "unconfigured.hugetlb");
    setMark(place.boundaryFile().value(), mark);
    CHECK(readMark(place.boundaryFile().value()) == mark);
}

TEST_CASE("marking a group that is gone is an error") {
    if (const std::string why = CgroupTree::whyNot(); !why.empty()) SKIP_TEST(why);
    CgroupTree tree;
    const Group place = *Group::openRoot(tree.mountPoint()).open(tree.prefix());
    place.makeChild("a");
    const Group gone = *place.child("a");
    place.removeChild("a");
    CHECK(!unit::errorOf([&] { setMark(gone.boundaryFile().value(), example()); }).empty());
    CHECK_FALSE(readMark(gone.boundaryFile().value()));
}

TEST_CASE("an intent stands beside the mark until it is cleared") {
    if (const std::string why = CgroupTree::whyNot(); !why.empty()) SKIP_TEST(why);
    CgroupTree tree;
    const Group place = *Group::openRoot(tree.mountPoint()).open(tree.prefix());
    const UniqueFd boundary = place.boundaryFile();
    CHECK_FALSE(readIntent(boundary.value()));
    clearIntent(boundary.value());
    setMark(boundary.value(), example());
    setIntent(boundary.value(), R"({"pids":{"limit":5}})");
    CHECK(readIntent(boundary.value()) == R"({"pids":{"limit":5}})");
    setIntent(boundary.value(), "");
    CHECK(readIntent(boundary.value()) == "");
    CHECK(readMark(boundary.value()) == example());
    clearIntent(boundary.value());
    CHECK_FALSE(readIntent(boundary.value()));
    CHECK(readMark(boundary.value()) == example());
    removeMark(boundary.value());
    removeMark(boundary.value());
    CHECK_FALSE(isMarked(boundary.value()));
}

TEST_CASE("a mark that cannot be read is a mark, and one on another uid's group is none", "[attack-37]") {
    if (const std::string why = CgroupTree::whyNot(); !why.empty()) SKIP_TEST(why);
    CgroupTree tree;
    const Group place = *Group::openRoot(tree.mountPoint()).open(tree.prefix());
    const UniqueFd boundary = place.boundaryFile();
    REQUIRE(::fsetxattr(boundary.value(), "user.scopewright.group", "v=2", 3, 0) == 0);
    REQUIRE(::fsetxattr(boundary.value(), "user.scopewright.intent", "v=2", 3, 0) == 0);
    CHECK(isMarked(boundary.value()));
    CHECK_FALSE(readMark(boundary.value()));
    CHECK_FALSE(readIntent(boundary.value()));
    setMark(boundary.value(), example());
    setIntent(boundary.value(), "");
    // What a payload makes belongs to it, and it can write there what it likes.
    REQUIRE(::fchown(boundary.value(), 1001, 1001) == 0);
    CHECK_FALSE(readMark(boundary.value()));
    CHECK_FALSE(readIntent(boundary.value()));
}
