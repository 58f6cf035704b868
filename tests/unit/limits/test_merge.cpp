// SPDX-License-Identifier: LGPL-2.1-or-later
#include "catch.h"
#include "limits/dice.h"
#include "limits/oci_json.h"

using namespace scopewright;
using namespace scopewright::limits;

namespace {

Resources read(const char* json) {
    return fromOciJson(json);
}

/// An update as it comes over D-Bus, where an empty list is something.
Resources update(const char* key, const Value& value) {
    Resources r;
    set(r, key, value);
    return r;
}

using Numbers = std::vector<std::pair<std::string, std::uint64_t>>;
using Texts = std::vector<std::pair<std::string, std::string>>;

} // namespace

TEST_CASE("a period-only update keeps the quota") {
    const Resources merged =
        merge(read(R"({"cpu":{"quota":50000,"period":100000}})"), read(R"({"cpu":{"period":50000}})"));
    CHECK(merged.cpuQuota == 50000);
    CHECK(merged.cpuPeriod == 50000);
}

TEST_CASE("what is not named keeps its value, whatever the update") {
    unit::ResourceDice dice;
    for (int i = 0; i < 1000; ++i) {
        const Resources base = dice.resources();
        if (merge(base, Resources()) != base || merge(Resources(), base) != base || merge(base, base) != base)
            FAIL(toText(base));
        const Resources change = dice.resources();
        const Resources merged = merge(base, change);
        for (const Field& field : kFields) {
            const auto& wanted = change.*field.member ? change.*field.member : base.*field.member;
            if (merged.*field.member != wanted) FAIL(field.key);
        }
        // To ask for the same again changes nothing.
        if (merge(merged, change) != merged) FAIL(toText(base) << " " << toText(change));
        if (fromText(toText(merged)) != merged) FAIL(toText(merged));
    }
}

TEST_CASE("rates and weights are merged device by device") {
    const Resources base = read(R"({"blockIO":{
        "throttleReadBpsDevice":[{"major":8,"minor":0,"rate":100},{"major":8,"minor":16,"rate":200}],
        "weightDevice":[{"major":8,"minor":0,"weight":300}]}})");
    const Resources merged = merge(base, read(R"({"blockIO":{
        "throttleReadBpsDevice":[{"major":8,"minor":16,"rate":0},{"major":9,"minor":0,"rate":7}],
        "weightDevice":[{"major":8,"minor":16,"weight":10}]}})"));
    CHECK(merged.readBps == Rates{{{8, 0}, 100}, {{8, 16}, 0}, {{9, 0}, 7}});
    const std::map<DeviceNumber, DeviceWeight> weights{{{8, 0}, {300, 0}}, {{8, 16}, {10, 0}}};
    CHECK(merged.weightDevice == weights);
}

TEST_CASE("an empty list lifts what was limited, and says so for each") {
    const Resources base = read(R"({"blockIO":{"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":100}],
        "weightDevice":[{"major":8,"minor":0,"weight":300}]},
        "hugepageLimits":[{"pageSize":"2MB","limit":0}],"rdma":{"mlx5_0":{"hcaHandles":2}}})");
    CHECK(merge(base, update("blockIO.throttleReadBpsDevice", Numbers())).readBps == Rates{{{8, 0}, 0}});
    const std::map<DeviceNumber, DeviceWeight> weights{{{8, 0}, {0, 0}}};
    CHECK(merge(base, update("blockIO.weightDevice", Numbers())).weightDevice == weights);
    const std::map<std::string, std::uint64_t> pages{{"2MB", kInfinity}};
    CHECK(merge(base, update("hugepageLimits", Numbers())).hugepages == pages);
    CHECK(merge(base, update("rdma", Texts())).rdma->at("mlx5_0") == RdmaLimit{UINT32_MAX, UINT32_MAX});
}

TEST_CASE("hugepages, RDMA and unified are merged by name") {
    const Resources base = read(R"({"hugepageLimits":[{"pageSize":"2MB","limit":1}],"rdma":{"a":{"hcaHandles":2}},
        "unified":{"memory.high":"max","memory.low":"1M"}})");
    const Resources merged = merge(base, read(R"({"hugepageLimits":[{"pageSize":"1GB","limit":2}],
        "rdma":{"a":{"hcaObjects":3},"b":{"hcaHandles":4}},"unified":{"memory.low":"2M"}})"));
    const std::map<std::string, std::uint64_t> pages{{"2MB", 1}, {"1GB", 2}};
    CHECK(merged.hugepages == pages);
    CHECK(merged.rdma->at("a") == RdmaLimit{2, 3});
    CHECK(merged.rdma->at("b") == RdmaLimit{4, std::nullopt});
    const std::map<std::string, std::string> files{{"memory.high", "max"}, {"memory.low", "2097152"}};
    CHECK(merged.unified == files);
    CHECK(merge(merged, update("unified", Texts())).unified == files);
}

TEST_CASE("device rules are replaced as a whole, because their order counts") {
    const Resources base = read(R"({"devices":[{"allow":false,"access":"rwm"},
        {"allow":true,"type":"c","major":1,"minor":3,"access":"rwm"}]})");
    const Resources merged = merge(base, update("devices", Texts{{"allow a", ""}}));
    CHECK(merged.devices->size() == 1);
    CHECK(merge(base, update("devices", Texts())).devices->empty());
}

TEST_CASE("a set of CPUs can be taken back") {
    const Resources merged = merge(read(R"({"cpu":{"cpus":"0-3","mems":"0"}})"), update("cpu.cpus", std::string()));
    CHECK(merged.cpus == "");
    CHECK(merged.mems == "0");
}
