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
    const cgroup::Watch watch(cgroup::Watch::For::Writes);
    const int number = watch.add(watched);
    REQUIRE(number >= 0);
    CHECK(watch.take().empty());
    other.write("cgroup.max.depth", "3");
    watched.read("cgroup.max.depth");
    watched.makeChild("below");
    CHECK(watch.take().empty());
    watched.write("cgroup.max.depth", "3");
    watched.write("cgroup.max.depth", "3");
    CHECK(watch.take() == std::set<std::pair<int, std::string>>{{number, ""}});
    CHECK(watch.take().empty());
    // A group that is gone says no more, and its number can be given back all the same.
    top.removeChild("watched");
    CHECK(watch.take().empty());
    watch.remove(number);
    watch.remove(-1);
}

TEST_CASE("the end of a group is told to who watches the one above, even while somebody has it open") {
    if (const std::string why = CgroupTree::whyNot(); !why.empty()) SKIP_TEST(why);
    CgroupTree tree;
    const cgroup::Group root = cgroup::Group::openRoot(tree.mountPoint());
    const cgroup::Group top = *root.open(tree.prefix());
    const cgroup::Watch watch(cgroup::Watch::For::Removals);
    const int number = watch.add(top);
    REQUIRE(number >= 0);
    top.makeChild("web");
    const cgroup::Group open = *top.child("web");
    open.makeChild("below");
    open.write("cgroup.max.depth", "3");
    open.removeChild("below");
    CHECK(watch.take().empty());
    top.removeChild("web");
    CHECK(watch.take() == std::set<std::pair<int, std::string>>{{number, "web"}});
    watch.remove(number);
    top.makeChild("web");
    top.removeChild("web");
    CHECK(watch.take().empty());
}
