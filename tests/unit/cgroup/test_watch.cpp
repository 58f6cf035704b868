// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cgroup/watch.h"

#include "catch.h"
#include "cgroup_tree.h"

using namespace scopewright;
using scopewright::fake::CgroupTree;

TEST_CASE("a write to a file of a watched group is told once, and nothing else") {
    if (const std::string why = CgroupTree::whyNot(); !why.empty()) SKIP_TEST(why);
    CgroupTree tree;
    const cgroup::Group root = cgroup::Group::openRoot(tree.mountPoint());
    const cgroup::Group top = *root.open(tree.prefix());
    top.makeChild("watched");
    top.makeChild("other");
    const cgroup::Group watched = *top.child("watched");
    const cgroup::Group other = *top.child("other");
    const cgroup::Watch watch;
    const int number = watch.add(watched);
    REQUIRE(number >= 0);
    CHECK(watch.take().empty());
    other.write("cgroup.max.depth", "3");
    watched.read("cgroup.max.depth");
    watched.makeChild("below");
    CHECK(watch.take().empty());
    watched.write("cgroup.max.depth", "3");
    watched.write("cgroup.max.depth", "3");
    CHECK(watch.take() == std::set<int>{number});
    CHECK(watch.take().empty());
    // A group that is gone says no more, and its number can be given back all the same.
    top.removeChild("watched");
    CHECK(watch.take().empty());
    watch.remove(number);
    watch.remove(-1);
}
