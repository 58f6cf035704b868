// SPDX-License-Identifier: LGPL-2.1-or-later
// Resources of a sandbox that runs: changed, refused, and put in force where PID 1 does not know what it should.
#include "bench.h"

#include "base/log.h"

#include <nlohmann/json.hpp>

using namespace scopewright;
using namespace scopewright::unit;

namespace {

using Json = nlohmann::json;

Properties limit(std::int64_t bytes) {
    return Properties(1, Property{"memory.limit", bytes});
}

/// The sandbox with this id, as Describe tells of it.
Json described(Bench& bench, const std::string& id) {
    const Json all = Json::parse(bench.describe());
    for (const Json& sandbox : all.at("Sandboxes"))
        if (sandbox.at("Id") == id) return sandbox;
    return Json();
}

/// The keys of what is not in force.
Lines skippedKeys(Bench& bench, const std::string& id) {
    Lines keys;
    const Json sandbox = described(bench, id);
    for (const Json& skip : sandbox.at("Skipped"))
        keys.push_back(skip.at("Key"));
    return keys;
}

} // namespace

TEST_CASE("an update changes what it names and keeps the rest") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    const Properties asked =
        with(with(with(pids(child), "cpu.quota", std::int64_t{50000}), "cpu.period", std::int64_t{100000}),
             "pids.limit", std::int64_t{64});
    REQUIRE(bench.answer(bench.create("web", asked))->error == "");
    const Properties period(1, Property{"cpu.period", std::int64_t{50000}});
    REQUIRE(bench.answer(bench.manager(Bench::kRoot, "UpdateSandbox", "web", period))->text == "");
    fake::Unit* unit = bench.systemd.find(bench.unitOf("web"));
    REQUIRE(unit);
    CHECK(unit->text("CPUQuotaPerSecUSec") == "1000000");
    CHECK(unit->text("CPUQuotaPeriodUSec") == "50000");
    CHECK(unit->text("TasksMax") == "64");
    const Json resources = described(bench, "web").at("Resources");
    CHECK(resources.at("cpu.quota") == 50000);
    CHECK(resources.at("cpu.period") == 50000);
    CHECK(resources.at("pids.limit") == 64);
    CHECK(bench.emitted("PropertiesChanged") > 0);

    // The next daemon knows the merged ones.
    bench.restart();
    CHECK(described(bench, "web").at("Resources") == resources);
}

TEST_CASE("an update through the object is the same") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    REQUIRE(
        bench.answer(bench.call(Bench::kRoot, bench.path("web"), Bench::kSandbox, "Update", limit(1 << 20)))->text ==
        "");
    CHECK(bench.systemd.find(bench.unitOf("web"))->text("MemoryMax") == "1048576");
}

TEST_CASE("an update that is wrong changes nothing") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    REQUIRE(bench.answer(bench.create("web", with(pids(child), "memory.limit", std::int64_t{1 << 30})))->error == "");
    const auto update = [&](const Properties& wanted) {
        return bench.manager(Bench::kRoot, "UpdateSandbox", "web", wanted);
    };
    REFUSED(bench, update(limit(0)), fd("InvalidArgs"));
    REFUSED(bench, update(limit(4095)), fd("InvalidArgs"));
    REFUSED(bench, update(Properties(1, Property{"memory.swap", std::int64_t{4096}})), fd("InvalidArgs"));
    REFUSED(bench, update(Properties(1, Property{"MemoryMax", std::uint64_t{4096}})), ours("PropertyNotAllowed"));
    REFUSED(bench, update(Properties(1, Property{"Slice", std::string("machine.slice")})), ours("PropertyNotAllowed"));
    REFUSED(bench, bench.manager(Bench::kRoot, "UpdateSandbox", "none", limit(4096)), ours("NoSuchSandbox"));
    REFUSED(bench, bench.manager(Bench::kRoot, "UpdateGroup", "web", "none", limit(4096)), ours("NoSuchGroup"));
    REFUSED(bench, bench.manager(Bench::kRoot, "UpdateGroup", "web", "payload", limit(4096)), fd("InvalidArgs"));
    CHECK(bench.systemd.find(bench.unitOf("web"))->text("MemoryMax") == std::to_string(1 << 30));
}

TEST_CASE("a name that is given twice is refused, whichever list it stands in") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    const Properties twice{{"pids.limit", std::int64_t{5}}, {"pids.limit", std::int64_t{6}}};
    const std::vector<std::pair<std::string, std::string>> files{{"memory.high", "max"}, {"memory.high", "8192"}};
    for (const Properties& list : {twice, Properties(1, Property{"unified", files})}) {
        CAPTURE(list.size());
        REFUSED(bench, bench.create("new", with(list, "PIDs", std::vector<std::uint32_t>{1})), fd("InvalidArgs"));
        REFUSED(bench, bench.manager(Bench::kRoot, "UpdateSandbox", "web", list), fd("InvalidArgs"));
        REFUSED(bench, bench.createCompat("web", "c", list), fd("InvalidArgs"));
    }
    Pending explained = bench.answer(bench.manager(Bench::kRoot, "Explain", twice, std::uint64_t(0)));
    CHECK(explained->error == fd("InvalidArgs"));
    CHECK(explained->text == "property 'pids.limit' is given twice");
}

TEST_CASE("an update that PID 1 refuses leaves the old values in force", "[attack-63]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    REQUIRE(bench.answer(bench.create("refuseset", with(pids(child), "memory.limit", std::int64_t{1 << 30})))->error ==
            "");
    Pending reply = bench.answer(bench.manager(Bench::kRoot, "UpdateSandbox", "refuseset", limit(1 << 20)));
    CHECK(reply->error != "");
    CHECK(bench.systemd.find(bench.unitOf("refuseset"))->text("MemoryMax") == std::to_string(1 << 30));
    CHECK(described(bench, "refuseset").at("Resources").at("memory.limit") == 1 << 30);
    CHECK(bench.state("refuseset") == "running");
}

TEST_CASE("a property that PID 1 lacks against the table is left out of the start, told, and asked for only once") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.systemd.without = {"CPUQuotaPeriodUSec", "MemoryLow"};
    Child& child = bench.child();
    Properties asked = with(pids(child), "memory.reservation", std::int64_t{1 << 20});
    asked = with(with(asked, "cpu.quota", std::int64_t{50000}), "pids.limit", std::int64_t{64});
    Pending reply = bench.answer(bench.create("web", asked));
    REQUIRE(reply->text == "");
    fake::Unit* unit = bench.systemd.find(bench.unitOf("web"));
    CHECK(unit->text("MemoryLow") == "");
    CHECK(unit->text("TasksMax") == "64");
    CHECK(unit->text("CPUQuotaPerSecUSec") == "500000");
    const Lines skipped = skippedKeys(bench, "web");
    CHECK(std::ranges::count(skipped, "memory.reservation") >= 1);
    CHECK(std::ranges::count(skipped, "cpu.quota") + std::ranges::count(skipped, "cpu.period") >= 1);
    CHECK(bench.systemd.logged("StartTransientUnit " + bench.unitOf("web")) == 2);

    Child& second = bench.child();
    REQUIRE(bench.answer(bench.create("web2", with(pids(second), "memory.reservation", std::int64_t{1 << 20})))->text ==
            "");
    CHECK(bench.systemd.logged("StartTransientUnit " + bench.unitOf("web2")) == 1);
}

TEST_CASE("the same holds for an update") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    bench.systemd.without = {"MemoryMax"};
    Properties wanted = limit(1 << 20);
    wanted.push_back({"pids.limit", std::int64_t{9}});
    REQUIRE(bench.answer(bench.manager(Bench::kRoot, "UpdateSandbox", "web", wanted))->text == "");
    CHECK(bench.systemd.find(bench.unitOf("web"))->text("TasksMax") == "9");
    CHECK(std::ranges::count(skippedKeys(bench, "web"), "memory.limit") >= 1);
}

TEST_CASE("with Strict such a property is an error, and the process stays where it was") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.systemd.without = {"TasksMax"};
    Child& child = bench.child();
    const Properties asked = with(with(pids(child), "pids.limit", std::int64_t{64}), "Strict", true);
    Pending reply = bench.answer(bench.create("web", asked));
    CHECK((reply->error == fd("NotSupported") || reply->error == ours("ControllerUnavailable")));
    CHECK(reply->text.find("pids.limit") != std::string::npos);
    CHECK(child.alive());
    CHECK(bench.systemd.names().empty());
}

TEST_CASE("a refusal that is not about a missing property is told as it is") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.systemd.refusal = "org.freedesktop.DBus.Error.PropertyReadOnly";
    Child& child = bench.child();
    Pending reply = bench.answer(bench.create("refuse", with(pids(child), "pids.limit", std::int64_t{64})));
    CHECK(reply->error == fd("NotSupported"));
    CHECK(bench.systemd.logged("StartTransientUnit " + bench.unitOf("refuse")) == 1);
}

TEST_CASE("a property that an administrator has set is theirs until an update asks for another value") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    const Properties asked =
        with(with(pids(child), "memory.limit", std::int64_t{1 << 30}), "pids.limit", std::int64_t{64});
    REQUIRE(bench.answer(bench.create("web", asked))->text == "");
    CHECK(described(bench, "web").at("Overridden").empty());
    fake::Unit* unit = bench.systemd.find(bench.unitOf("web"));
    unit->properties["MemoryMax"] = std::uint64_t{1 << 25};
    const Json expected{{{"Property", "MemoryMax"}, {"Value", "33554432"}, {"Asked", "1073741824"}}};
    CHECK(described(bench, "web").at("Overridden") == expected);

    // An update of something else leaves it alone, and so does the next daemon.
    const Properties other(1, Property{"pids.limit", std::int64_t{65}});
    REQUIRE(bench.answer(bench.manager(Bench::kRoot, "UpdateSandbox", "web", other))->text == "");
    CHECK(unit->text("TasksMax") == "65");
    CHECK(unit->text("MemoryMax") == "33554432");
    bench.restart();
    CHECK(described(bench, "web").at("Overridden") == expected);
    CHECK(described(bench, "web").at("Resources").at("memory.limit") == 1 << 30);

    REQUIRE(bench.answer(bench.manager(Bench::kRoot, "UpdateSandbox", "web", limit(1 << 29)))->text == "");
    CHECK(unit->text("MemoryMax") == std::to_string(1 << 29));
    CHECK(described(bench, "web").at("Overridden").empty());
}

TEST_CASE("what PID 1 does not say of a sandbox is missing, and the rest described") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    REQUIRE(bench.answer(bench.create("web", with(pids(child), "pids.limit", std::int64_t{64})))->text == "");
    bench.systemd.deaf = true;
    bench.skipSilence();
    CHECK(described(bench, "web").at("Overridden").empty());
    CHECK(described(bench, "web").at("Resources").at("pids.limit") == 64);
}

TEST_CASE("device rules that PID 1 does not enforce are told, and in a strict request refused") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    const std::vector<std::pair<std::string, std::string>> rules{{"deny a", "rwm"}, {"allow c 1:3", "rwm"}};
    const Properties asked = with(pids(child), "devices", rules);
    Pending strict = bench.answer(bench.create("web", with(asked, "Strict", true)));
    CHECK(strict->error == fd("NotSupported"));
    CHECK(strict->text.find("devices") != std::string::npos);
    CHECK(child.alive());
    // The fake PID 1 attaches no program, like one in a container without privileges.
    REQUIRE(bench.answer(bench.create("web", asked))->text == "");
    CHECK(skippedKeys(bench, "web") == Lines{"devices"});
}

TEST_CASE("a property that can only be given at the start is told when an update wants another value of it") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.systemd.version = "257.13";
    bench.restart();
    Child& child = bench.child();
    const auto group = [](const char* value) {
        return std::vector<std::pair<std::string, std::string>>{{"memory.oom.group", value}};
    };
    REQUIRE(bench.answer(bench.create("web", with(pids(child), "unified", group("1"))))->text == "");
    CHECK(bench.systemd.find(bench.unitOf("web"))->text("OOMPolicy") == "kill");
    const auto told = [&] {
        const Json sandbox = described(bench, "web");
        return sandbox.at("Skipped").dump().find("OOMPolicy can only be given at the start") != std::string::npos;
    };
    const auto update = [&](const Properties& wanted) {
        REQUIRE(bench.answer(bench.manager(Bench::kRoot, "UpdateSandbox", "web", wanted))->text == "");
    };
    update(Properties(1, Property{"pids.limit", std::int64_t{9}}));
    CHECK_FALSE(told());
    update(Properties(1, Property{"unified", group("0")}));
    CHECK(told());
}
