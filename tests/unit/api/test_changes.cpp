// SPDX-License-Identifier: LGPL-2.1-or-later
// Changed properties are told of once in a turn of the loop.
#include "sandbox/bench.h"

using namespace scopewright;
using namespace scopewright::unit;

namespace {

std::size_t changes(Bench& bench, const std::string& path) {
    return static_cast<std::size_t>(std::ranges::count_if(bench.signals(), [&](const fake::Signal& signal) {
        return signal.member == "PropertiesChanged" && signal.path == path;
    }));
}

Properties limit(std::int64_t tasks) {
    return Properties(1, Property{"pids.limit", tasks});
}

} // namespace

TEST_CASE("many changes of one object in one turn are one signal") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    const std::string object = bench.path("web");
    bench.settle();
    REQUIRE(changes(bench, object) == 0);
    // Calls that wait for nobody are all carried out in the turn in which they are read.
    std::vector<Pending> calls;
    for (const char* group : {"a", "b", "c", "d"})
        calls.push_back(bench.createCompat("web", group));
    for (const Pending& call : calls)
        REQUIRE(bench.answer(call)->text == "");
    bench.settle();
    CHECK(changes(bench, object) >= 1);
    CHECK(changes(bench, object) <= 4);
    CHECK(bench.emitted("GroupNew") == 4);

    bench.signals().clear();
    REQUIRE(bench.answer(bench.manager(Bench::kRoot, "UpdateSandbox", "web", limit(5)))->text == "");
    bench.settle();
    // Resources and Skipped together.
    CHECK(changes(bench, object) == 1);
    CHECK(changes(bench, object + "/group/payload") == 1);
}

TEST_CASE("what is gone is not told to have changed") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    const std::string object = bench.path("web");
    REQUIRE(bench.answer(bench.createCompat("web", "c"))->text == "");
    bench.settle();
    bench.signals().clear();
    Pending update = bench.manager(Bench::kRoot, "UpdateGroup", "web", "c", limit(5));
    Pending remove = bench.manager(Bench::kRoot, "RemoveGroup", "web", "c");
    REQUIRE(bench.answer(update)->text == "");
    REQUIRE(bench.answer(remove)->text == "");
    bench.settle();
    bool gone = false;
    for (const fake::Signal& signal : bench.signals()) {
        gone = gone || signal.member == "GroupRemoved";
        CHECK_FALSE((gone && signal.member == "PropertiesChanged" && signal.path == object + "/group/c"));
    }
    CHECK(gone);
}
