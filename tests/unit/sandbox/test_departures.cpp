// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sandbox/departures.h"

#include "catch.h"
#include "cgroup_tree.h"
#include "link.h"

#include <memory>
#include <string>
#include <vector>

using namespace scopewright;
using sandbox::Departures;

namespace {

struct Stage {
    void make(const std::string& path) { tree.make(tree.prefix() + path); }
    void remove(const std::string& path) { tree.remove(tree.prefix() + path); }
    std::unique_ptr<Departures::Notice> watch(
        const std::string& path, std::function<void()> also = [] {}) {
        auto told = [this, path, also] {
            gone.push_back(path);
            also();
        };
        return std::make_unique<Departures::Notice>(departures, root, tree.prefix() + path, told);
    }

    fake::CgroupTree tree;
    fake::Link link;
    cgroup::Group root = cgroup::Group::openRoot(tree.mountPoint());
    Departures departures{link.event()};
    std::vector<std::string> gone;
};

using Paths = std::vector<std::string>;

} // namespace

TEST_CASE("each end is told to who waits for it, and one end is not another's") {
    if (const std::string why = fake::CgroupTree::whyNot(); !why.empty()) SKIP_TEST(why);
    Stage stage;
    for (const char* path : {"/s", "/s/a", "/s/b", "/s/c", "/t", "/t/a"})
        stage.make(path);
    auto first = stage.watch("/s/a");
    auto second = stage.watch("/s/b");
    const auto other = stage.watch("/t/a");
    stage.remove("/s/c");
    stage.link.settle();
    CHECK(stage.gone.empty());
    stage.remove("/s/a");
    stage.link.settle();
    CHECK(stage.gone == Paths{"/s/a"});
    // The same directory above is watched for the second one still.
    first.reset();
    stage.remove("/s/b");
    stage.link.settle();
    CHECK(stage.gone == Paths{"/s/a", "/s/b"});
    second.reset();
    // Once for each time that somebody waits.
    stage.make("/s/a");
    stage.remove("/s/a");
    stage.link.settle();
    CHECK(stage.gone.size() == 2);
    stage.make("/s/a");
    const auto again = stage.watch("/s/a");
    stage.remove("/s/a");
    stage.remove("/t/a");
    stage.link.settle();
    CHECK(stage.gone.size() == 4);
}

TEST_CASE("who is told may end the wait of others, and of itself") {
    if (const std::string why = fake::CgroupTree::whyNot(); !why.empty()) SKIP_TEST(why);
    Stage stage;
    stage.make("/a");
    std::unique_ptr<Departures::Notice> one, two;
    const auto endBoth = [&] {
        one.reset();
        two.reset();
    };
    one = stage.watch("/a", endBoth);
    two = stage.watch("/a", endBoth);
    stage.remove("/a");
    stage.link.settle();
    CHECK(stage.gone == Paths{"/a"});
    CHECK_FALSE(one);
    CHECK_FALSE(two);
}

TEST_CASE("what is not there is not waited for in vain, but never told") {
    if (const std::string why = fake::CgroupTree::whyNot(); !why.empty()) SKIP_TEST(why);
    Stage stage;
    const auto nowhere = stage.watch("/none/a");
    const auto never = stage.watch("/a");
    stage.link.settle();
    CHECK(stage.gone.empty());
    // One of that name that comes and goes is one.
    stage.make("/a");
    stage.remove("/a");
    stage.link.settle();
    CHECK(stage.gone == Paths{"/a"});
}
