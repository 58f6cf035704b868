// SPDX-License-Identifier: LGPL-2.1-or-later
#include "catch.h"
#include "guest/guest.h"
#include "guest/peers.h"
#include "guest/peers_differences.h"
#include "program.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <set>
#include <string_view>

using namespace scopewright::integration;

namespace {

struct Set {
    const char* name;
    const char* resources; ///< `linux.resources`
};
constexpr std::array kSets{
    // What a container usually has.
    Set{"bounds", R"({
        "memory": {"limit": 268435456, "reservation": 134217728, "swap": 402653184},
        "cpu": {"shares": 512, "quota": 50000, "period": 100000, "cpus": "0-1", "mems": "0"},
        "pids": {"limit": 64}, "blockIO": {"weight": 300}, "hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}],
        "devices": [{"allow": false, "access": "rwm"},
                    {"allow": true, "type": "c", "major": 1, "minor": 11, "access": "r"}]})"},
    // No swap, the least share, a quota that is no whole percent.
    Set{"edges", R"({
        "memory": {"limit": 268435456, "swap": 268435456},
        "cpu": {"shares": 2, "quota": 33333, "period": 100000, "burst": 10000, "cpus": "1"}, "pids": {"limit": -1}})"},
    Set{"unified", R"({"unified": {
        "memory.high": "104857600", "memory.max": "209715200", "memory.low": "4096000", "memory.swap.max": "8192000",
        "memory.oom.group": "1", "cpu.weight": "77", "cpu.max": "33333 50000", "cpuset.cpus": "0", "pids.max": "55",
        "io.weight": "default 200", "hugetlb.2MB.max": "2097152"}})"},
    // No limit in words, and zeros.
    Set{"unlimited", R"({
        "memory": {"limit": -1}, "cpu": {"quota": -1, "period": 50000, "idle": 1}, "pids": {"limit": 0}})"},
};
constexpr std::array kRuntimes{"runc", "crun"};
constexpr std::array kControllers{"cpu", "cpuset", "hugetlb", "io", "memory", "pids"};

std::string whyNot() {
    // The table is true of these; others differ in other ways.
    if (!isVersion("runc", "runc version 1.1.5")) return "runc 1.1.5 is not installed";
    if (!isVersion("crun", "crun version 1.8.1")) return "crun 1.8.1 is not installed";
    for (const char* controller : kControllers)
        if (!hasController("", controller)) return "there is no controller '" + std::string(controller) + "'";
    return "";
}

/// The same resources three times: runc's, crun's and ours.
struct Trio {
    std::array<std::unique_ptr<Container>, kRuntimes.size()> theirs;
    std::unique_ptr<Child> child;
    Created ours;
};

Trio start(const Guest& guest, const Set& set) {
    Trio trio;
    for (std::size_t i = 0; i < kRuntimes.size(); ++i)
        trio.theirs[i] = std::make_unique<Container>(kRuntimes[i], set.name, set.resources);
    trio.child = std::make_unique<Child>();
    trio.ours = guest.create(
        set.name, {trio.child.get()},
        {{"resources", std::string(set.resources)}, {"CgroupsPath", "machine.slice:ours:" + std::string(set.name)}});
    return trio;
}

/// How many tasks PID 1 gives to a unit of which nobody says it; that depends on the machine.
const std::string& defaultTasks() {
    static const std::string kNumber =
        wordsOf(run({"systemctl", "show", "--property=DefaultTasksMax", "--value"})).at(0);
    return kNumber;
}

Values valuesOf(const Guest& guest, const std::string& unit, pid_t pid) {
    Values values = unitValues(guest.systemd, unit);
    const std::string scope = "/machine.slice/" + unit;
    const std::string leaf = controlGroupOf(pid);
    REQUIRE(leaf.starts_with(scope));
    values.merge(valuesInForce(scope, leaf));
    for (const char* tasks : {"TasksMax", "pids.max"})
        if (values[tasks] == defaultTasks()) values[tasks] = "default";
    return values;
}

/// One line for each difference, as the table has it.
using Lines = std::set<std::string>;

std::string lineOf(const std::string& runtime, const std::string& set, When when, const std::string& name,
                   const std::string& theirs, const std::string& ours) {
    return "{\"" + runtime + "\", \"" + set + "\", " + (when == When::Started ? "Started" : "Reloaded") + ", \"" +
           name + "\", \"" + theirs + "\", \"" + ours + "\"}";
}

void compare(const Guest& guest, const Trio& trio, const std::string& set, When when, Lines& found) {
    const Values ours = valuesOf(guest, trio.ours.unit, trio.child->pid());
    for (std::size_t i = 0; i < kRuntimes.size(); ++i) {
        Values theirs = valuesOf(guest, trio.theirs[i]->unit(), trio.theirs[i]->pid());
        CHECK(theirs.size() == ours.size());
        for (const auto& [name, value] : ours)
            if (theirs[name] != value) found.insert(lineOf(kRuntimes[i], set, when, name, theirs[name], value));
    }
}

Lines expected() {
    const auto names = [](std::string_view all, std::string_view word, std::string_view name) {
        return word == all || word == name;
    };
    Lines lines;
    for (const Difference& one : differences())
        for (const char* runtime : kRuntimes)
            for (const Set& set : kSets)
                for (const When when : {When::Started, When::Reloaded})
                    if (names("both", one.runtime, runtime) && names("any", one.set, set.name) &&
                        (one.when == When::Always || one.when == when))
                        lines.insert(lineOf(runtime, set.name, when, one.name, one.theirs, one.ours));
    return lines;
}

/// Those that `others` has not; prints them.
std::size_t countMissing(const char* what, const Lines& some, const Lines& others) {
    const auto isMissing = [&](const std::string& line) { return !others.contains(line); };
    for (const std::string& line : some)
        if (isMissing(line)) std::printf("%s: %s\n", what, line.c_str());
    return static_cast<std::size_t>(std::count_if(some.begin(), some.end(), isMissing));
}

} // namespace

TEST_CASE("what runc and crun make of the same resources differs from ours as the comparison lists it",
          "[peers][machine]") {
    if (const std::string why = whyNot(); !why.empty()) SKIP_TEST(why);
    Guest guest;
    std::array<Trio, kSets.size()> trios;
    for (std::size_t i = 0; i < kSets.size(); ++i)
        trios[i] = start(guest, kSets[i]);

    Lines found;
    for (std::size_t i = 0; i < kSets.size(); ++i)
        compare(guest, trios[i], kSets[i].name, When::Started, found);
    guest.systemd.reload();
    for (std::size_t i = 0; i < kSets.size(); ++i)
        compare(guest, trios[i], kSets[i].name, When::Reloaded, found);

    CHECK(countMissing("not in the comparison", found, expected()) == 0);
    CHECK(countMissing("no such difference any more", expected(), found) == 0);

    trios = {};
    for (const char* pattern : {"runc-*.scope", "crun-*.scope", "ours-*.scope"})
        CHECK(eventually([&] { return guest.systemd.list(pattern).empty(); }));
}
