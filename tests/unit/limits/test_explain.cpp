// SPDX-License-Identifier: LGPL-2.1-or-later
#include "limits/explain.h"

#include "catch.h"
#include "limits/at.h"
#include "limits/dice.h"
#include "limits/oci_json.h"
#include "limits/properties.h"

#include <algorithm>

using namespace scopewright;
using namespace scopewright::limits;

namespace {

using Rows = std::vector<ExplainRow>;
using Texts = std::vector<std::pair<std::string, std::string>>;

} // namespace

TEST_CASE("each resource is explained: where it goes, as what, and why not") {
    Context context = at(241);
    context.controllers = {"cpu", "memory"};
    const Rows expected{
        {"cpu.shares", "CPUWeight", "100", "property", ""},
        {"cpu.quota", "CPUQuotaPerSecUSec", "1000000", "property", ""},
        {"cpu.period", "payload/cpu.max", "50000 50000", "file", "CPUQuotaPeriodUSec needs systemd 242"},
        {"cpu.cpus", "", "", "skipped", "controller 'cpuset' is not available in this group"},
        {"cpu.burst", "cpu.max.burst", "0", "file", "PID 1 has no property for it"},
        {"memory.limit", "MemoryMax", "infinity", "property", ""},
        {"unified.memory.oom.group", "payload/memory.oom.group", "1", "file", "OOMPolicy needs systemd 253"},
        {"memory.swap", "MemorySwapMax", "infinity", "property", ""},
        {"memory.swappiness", "", "", "skipped", "control groups v2 have no such setting"},
        {"memory.checkBeforeUpdate", "", "true", "skipped", "nothing has to be set for it"},
    };
    CHECK(explain(fromOciJson(R"({"cpu":{"shares":1024,"quota":50000,"period":50000,"burst":0,"cpus":"0-1"},
              "memory":{"limit":-1,"swappiness":5,"checkBeforeUpdate":true},"unified":{"memory.oom.group":"1"}})"),
                  context) == expected);
}

TEST_CASE("what the request would be refused for is a row, and the rest is explained all the same") {
    const Rows rows = explain(Properties{{"memory.limit", std::int64_t{100}},
                                         {"pids.limit", std::int64_t{5}},
                                         {"unified", Texts{{"cgroup.kill", "1"}}},
                                         {"resources", std::string(R"({"cpu":{"shares":1024},"foo":1})")},
                                         {"cpu.quota", std::string("x")}},
                              at(252));
    const Rows expected{
        {"memory.limit", "", "100", "refused",
         "memory.limit 100 is not in 4096..9223372036854775807 and not -1 (unlimited); to leave it unset, do not send "
         "it"},
        {"unified", "", "cgroup.kill 1", "refused", "unified 'cgroup.kill' is not a resource: it runs the tree"},
        {"resources", "", "", "refused", "resources: foo is no member of linux.resources"},
        {"cpu.quota", "", "x", "refused", "cpu.quota takes a number (x, t, i or u)"},
        {"pids.limit", "TasksMax", "5", "property", ""},
    };
    CHECK(rows == expected);
    CHECK_CODE(explain(Properties{{"Slice", std::string("x")}}, at(252)), PropertyNotAllowed);
}

TEST_CASE("what cannot stand together is refused, and what can stand without it explained") {
    const Rows rows =
        explain(Properties{{"resources", std::string(R"({"memory":{"limit":8192,"swap":4096}})")}}, at(252));
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].key == "memory.swap");
    CHECK(rows[0].verdict == "refused");
    CHECK(rows[1] == ExplainRow{"memory.limit", "MemoryMax", "8192", "property", ""});
}

TEST_CASE("dotted keys and JSON are explained together") {
    const Rows rows = explain(
        Properties{{"resources", std::string(R"({"cpu":{"quota":50000}})")}, {"cpu.period", std::int64_t{50000}}},
        at(252));
    const Rows expected{{"cpu.period", "CPUQuotaPeriodUSec", "50000", "property", ""},
                        {"cpu.quota", "CPUQuotaPerSecUSec", "1000000", "property", ""}};
    CHECK(rows == expected);
}

TEST_CASE("what unified overrides, and what takes a program, is said") {
    Context context = at(252);
    context.devicePrograms = true;
    const Rows rows = explain(fromOciJson(R"({"memory":{"limit":8192},"unified":{"memory.max":"1G"},
        "devices":[{"allow":true},{"allow":false,"type":"b","major":8,"minor":0,"access":"w"}]})"),
                              context);
    const Rows expected{
        {"unified.memory.max", "MemoryMax", "1073741824", "property", ""},
        {"devices", "DevicePolicy", "auto", "property", ""},
        {"devices", "DeviceAllow", "", "property", ""},
        {"devices", "payload", "", "file", "a device program: PID 1 has no words for all of these rules"},
        {"memory.limit", "", "", "skipped", "unified stands in its place"},
    };
    CHECK(rows == expected);
}

TEST_CASE("nothing that is asked for is lost without a word, at any version") {
    unit::ResourceDice dice;
    for (int i = 0; i < 1500; ++i) {
        Resources r = dice.resources();
        if (!conflicts(r).empty()) continue;
        Context context = at(static_cast<unsigned>(210 + dice.upTo(60)));
        context.starting = dice.once(2);
        if (dice.once(3)) context.controllers = {"cpu", "memory"};
        for (DeviceNumber device : blockDevices(r))
            if (dice.once(4)) context.absentDevices.push_back(device);
        const std::vector<ExplainRow> rows = explain(r, context);
        for (const Property& asked : toProperties(r)) {
            const bool told = std::ranges::any_of(rows, [&](const ExplainRow& row) {
                return row.key == asked.name || row.key.starts_with(asked.name + ".");
            });
            if (!told) FAIL(asked.name << " of " << toText(r));
        }
        for (const Property& property : planScope(r, context).properties)
            for (const PropertyRule& rule : kProperties)
                if (rule.property == property.name && rule.key != "cpu.idle" && rule.since > context.systemdVersion)
                    FAIL(property.name << " in " << context.systemdVersion);
    }
}
