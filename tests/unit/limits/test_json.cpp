// SPDX-License-Identifier: LGPL-2.1-or-later
#include "limits/oci_json.h"

#include "catch.h"
#include "limits/dice.h"

#include <utility>
#include <vector>

using namespace scopewright;
using namespace scopewright::limits;

namespace {

std::string messageOf(const std::string& json) {
    try {
        fromOciJson(json);
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

std::string nested(int depth) {
    return std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']');
}

constexpr const char* kEverything = R"({
    "memory": {"limit": 1073741824, "reservation": 536870912, "swap": 2147483648, "kernel": -1, "kernelTCP": 4096,
               "swappiness": 0, "disableOOMKiller": false, "useHierarchy": true, "checkBeforeUpdate": true},
    "cpu": {"shares": 1024, "quota": 1000000, "burst": 1000000, "period": 500000, "realtimeRuntime": 950000,
            "realtimePeriod": 1000000, "cpus": "2-3, 5", "mems": "0-7", "idle": 0},
    "pids": {"limit": 32771},
    "blockIO": {"weight": 10, "leafWeight": 10,
                "weightDevice": [{"major": 8, "minor": 0, "weight": 500, "leafWeight": 300},
                                 {"major": 8, "minor": 16, "weight": 500}, {"major": 8, "minor": 32}],
                "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 600}],
                "throttleWriteBpsDevice": [{"major": 8, "minor": 0, "rate": 18446744073709551615}],
                "throttleReadIOPSDevice": [{"major": 8, "minor": 0, "rate": 0}],
                "throttleWriteIOPSDevice": [{"major": 8, "minor": 16, "rate": 300}]},
    "hugepageLimits": [{"pageSize": "2MB", "limit": 18446744073709551614}, {"pageSize": "64KB", "limit": 0}],
    "rdma": {"mlx5_1": {"hcaHandles": 3, "hcaObjects": 10000}, "mlx4_0": {"hcaObjects": 1000}},
    "network": {"classID": 1048577, "priorities": [{"name": "eth0", "priority": 500}]},
    "devices": [{"allow": false, "access": "rwm"},
                {"allow": true, "type": "c", "major": 10, "minor": 229, "access": "wr"},
                {"allow": true, "type": "b", "major": 8, "minor": -1, "access": "r"}],
    "unified": {"memory.high": "1G", "io.max": "8:0 rbps=2097152\n8:16 wiops=120"}
})";

} // namespace

TEST_CASE("every field of the specification is read, to the last bit") {
    const Resources r = fromOciJson(kEverything);
    CHECK(r.memoryLimit == 1073741824);
    CHECK(r.memoryReservation == 536870912);
    CHECK(r.memorySwap == 2147483648);
    CHECK(r.memoryKernel == -1);
    CHECK(r.memoryKernelTcp == 4096);
    CHECK(r.memorySwappiness == 0);
    CHECK(r.disableOomKiller == false);
    CHECK(r.useHierarchy == true);
    CHECK(r.checkBeforeUpdate == true);
    CHECK(r.cpuShares == 1024);
    CHECK(r.cpuQuota == 1000000);
    CHECK(r.cpuBurst == 1000000);
    CHECK(r.cpuPeriod == 500000);
    CHECK(r.realtimeRuntime == 950000);
    CHECK(r.realtimePeriod == 1000000);
    CHECK(r.cpus == "2-3,5");
    CHECK(r.mems == "0-7");
    CHECK(r.cpuIdle == 0);
    CHECK(r.pidsLimit == 32771);
    CHECK(r.blkioWeight == 10);
    CHECK(r.blkioLeafWeight == 10);
    const std::map<DeviceNumber, DeviceWeight> weights{{{8, 0}, {500, 300}}, {{8, 16}, {500, 0}}};
    CHECK(r.weightDevice == weights);
    CHECK(r.readBps == Rates{{{8, 0}, 600}});
    CHECK(r.writeBps == Rates{{{8, 0}, UINT64_MAX}});
    CHECK(r.readIops == Rates{{{8, 0}, 0}});
    CHECK(r.writeIops == Rates{{{8, 16}, 300}});
    const std::map<std::string, std::uint64_t> pages{{"2MB", UINT64_MAX - 1}, {"64KB", 0}};
    CHECK(r.hugepages == pages);
    REQUIRE(r.rdma);
    CHECK(r.rdma->at("mlx5_1") == RdmaLimit{3, 10000});
    CHECK(r.rdma->at("mlx4_0") == RdmaLimit{std::nullopt, 1000});
    CHECK(r.networkClass == 1048577);
    CHECK(r.networkPriorities == std::map<std::string, std::uint32_t>{{"eth0", 500}});
    REQUIRE(r.devices);
    REQUIRE(r.devices->size() == 3);
    CHECK(r.devices->at(0) == DeviceRule{false, 'a', std::nullopt, std::nullopt, "rwm"});
    CHECK(r.devices->at(1) == DeviceRule{true, 'c', 10, 229, "rw"});
    CHECK(r.devices->at(2) == DeviceRule{true, 'b', 8, std::nullopt, "r"});
    REQUIRE(r.unified);
    CHECK(r.unified->at("memory.high") == "1073741824");
    CHECK(r.unified->at("io.max") == "8:0 rbps=2097152\n8:16 wiops=120");
    CHECK(fromText(toText(r)) == r);
}

TEST_CASE("what Go writes for a field that nobody set is unset") {
    for (const char* json :
         {"{}", R"({"memory":null,"devices":null})", R"({"cpu":{"shares":0,"quota":0,"period":0,"cpus":"","mems":""}})",
          R"({"memory":{"limit":0,"reservation":0,"swap":0,"kernel":0,"kernelTCP":0}})",
          R"({"blockIO":{"weight":0,"leafWeight":0,"weightDevice":[],"throttleReadBpsDevice":[]}})",
          R"({"cpu":{"realtimePeriod":0,"realtimeRuntime":0},"hugepageLimits":[],"rdma":{},"unified":{}})",
          R"({"pids":{"limit":null},"network":{"priorities":[]},"devices":[]})"}) {
        CAPTURE(json);
        CHECK(fromOciJson(json) == Resources());
    }
}

TEST_CASE("0 is kept where it means something") {
    const Resources r = fromOciJson(R"({"pids":{"limit":0},"cpu":{"burst":0,"idle":0},"memory":{"swappiness":0}})");
    CHECK(r.pidsLimit == 0);
    CHECK(r.cpuBurst == 0);
    CHECK(r.cpuIdle == 0);
    CHECK(r.memorySwappiness == 0);
    // A quota of 0 in a period is how runtimes say that there is none.
    CHECK(fromOciJson(R"({"cpu":{"quota":0,"period":100000}})").cpuQuota == -1);
    CHECK(fromOciJson(R"({"cpu":{"period":100000}})").cpuQuota == std::nullopt);
    CHECK(fromOciJson(R"({"cpu":{"quota":-5}})").cpuQuota == -1);
}

TEST_CASE("what is no linux.resources is refused, and the member named") {
    // clang-format off
    const std::vector<std::pair<const char*, const char*>> rows{
        {"", "no JSON at byte"},
        {"{", "no JSON at byte"},
        {"{}x", "no JSON at byte"},
        {"[]", "the whole must be an object"},
        {"null", "the whole must be an object"},
        {"{\"cpu\":{\"shares\":1e999}}", "beyond any range"},
        {"{\"memory\":{\"limit\":\"\xff\"}}", "no JSON at byte"},
        {R"({"memorry":{}})", "memorry is no member"},
        {R"({"a\nb":{}})", "a\\x0ab is no member"},
        {R"({"memory":[]})", "memory must be an object"},
        {R"({"memory":{"max":1}})", "memory.max is no member"},
        {R"({"memory":{"max":null}})", "memory.max is no member"},
        {R"({"cpu":{"limit":1}})", "cpu.limit is no member"},
        {R"({"memory":{"limit":1.5}})", "memory.limit must be an integer"},
        {R"({"memory":{"limit":1e9}})", "memory.limit must be an integer"},
        {R"({"memory":{"limit":"1G"}})", "memory.limit must be an integer"},
        {R"({"memory":{"limit":9223372036854775808}})", "memory.limit must be an integer in -2^63"},
        {R"({"memory":{"limit":99999999999999999999}})", "memory.limit must be an integer"},
        {R"({"memory":{"limit":100}})", "memory.limit 100 is not in 4096"},
        {R"({"memory":{"limit":8192,"limit":4096}})", "limit is there twice"},
        {R"({"memory":{"disableOOMKiller":1}})", "memory.disableOOMKiller must be true or false"},
        {R"({"cpu":{"cpus":3}})", "cpu.cpus must be a string"},
        {R"({"cpu":{"cpus":"x"}})", "cpu.cpus 'x' is no list"},
        {R"({"cpu":{"quota":999}})", "cpu.quota 999 is not in"},
        {R"({"pids":7})", "pids must be an object"},
        {R"({"blockIO":{"throttleReadBpsDevice":{}}})", "blockIO.throttleReadBpsDevice must be an array"},
        {R"({"blockIO":{"throttleReadBpsDevice":[7]}})", "blockIO.throttleReadBpsDevice[0] must be an object"},
        {R"({"blockIO":{"throttleReadBpsDevice":[{"major":8,"minor":0}]}})", "throttleReadBpsDevice[0].rate is missing"},
        {R"({"blockIO":{"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":-1}]}})", "[0].rate must be an integer in 0"},
        {R"({"blockIO":{"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":1}]}})", "'8:0 1' is a rate"},
        {R"({"blockIO":{"weightDevice":[{"major":8,"minor":0,"leafWeight":5}]}})", "weightDevice[0].leafWeight is not in"},
        {R"({"blockIO":{"weightDevice":[{"major":8,"minor":0,"wight":5}]}})", "weightDevice[0].wight is no member"},
        {R"({"hugepageLimits":[{"pageSize":"2MB"}]})", "hugepageLimits[0].limit is missing"},
        {R"({"rdma":{"mlx5_0":{}}})", "has neither"},
        {R"({"rdma":{"mlx5_0":{"hcaHandles":4294967296}}})", "below 2^32"},
        {R"({"devices":[{"access":"rwm"}]})", "devices[0].allow is missing"},
        {R"({"devices":[{"allow":true,"type":"c","major":-2,"access":"r"}]})", "devices[0].major is less than -1"},
        {R"({"devices":[{"allow":true,"major":1,"minor":3,"access":"rwm"}]})", "it takes no number"},
        {R"({"devices":[{"allow":true,"type":"c 1:3","access":"r"}]})", "is no rule"},
        {R"({"unified":{"memory.high":1}})", "unified.memory.high must be a string"},
        {R"({"unified":{"memory.high":"1\n2"}})", "memory.high '1\\x0a2' is no size"},
    };
    // clang-format on
    for (const auto& row : rows) {
        const std::string json = row.first;
        const std::string told = row.second;
        CAPTURE(json, told, messageOf(json));
        CHECK_CODE(fromOciJson(json), InvalidArgument);
        CHECK(messageOf(json).find(told) != std::string::npos);
        CHECK(messageOf(json).size() <= 200);
    }
    CHECK_CODE(fromOciJson(R"({"unified":{"cgroup.kill":"1"}})"), PropertyNotAllowed);
}

TEST_CASE("JSON has a size and a depth", "[attack-50]") {
    const std::string padding(kLongestJson - 2, ' ');
    CHECK(fromOciJson("{" + padding + "}") == Resources());
    CHECK_CODE(fromOciJson("{" + padding + " }"), LimitsExceeded);
    CHECK_CODE(fromOciJson("{\"a\":" + nested(kDeepestJson) + "}"), LimitsExceeded);
    CHECK_CODE(fromOciJson("{\"a\":" + nested(kDeepestJson - 1) + "}"), InvalidArgument);
    CHECK_CODE(fromOciJson(nested(30000)), LimitsExceeded);
    std::string many;
    for (int i = 0; i < 1100; ++i)
        many += (i == 0 ? "" : ",") + std::string(R"({"allow":true,"type":"c","access":"r"})");
    CHECK_CODE(fromOciJson("{\"devices\":[" + many + "]}"), LimitsExceeded);
}

TEST_CASE("resources survive their text form, whatever is set") {
    unit::ResourceDice dice;
    CHECK(toText(Resources()).empty());
    CHECK(fromText("") == Resources());
    for (int i = 0; i < 2000; ++i) {
        const Resources r = dice.resources();
        const std::string text = toText(r);
        if (fromText(text) == r && text.find_first_of(" \n\t") == std::string::npos) continue;
        CAPTURE(text);
        FAIL("not what it was");
    }
}

TEST_CASE("resources survive D-Bus, whatever is set") {
    unit::ResourceDice dice;
    for (int i = 0; i < 2000; ++i) {
        Resources r = dice.resources();
        // There is no dotted key for what only kernels before 5.0 know.
        if (r.weightDevice)
            for (auto& [device, weight] : *r.weightDevice)
                weight.leafWeight = 0;
        Resources back;
        for (const Property& property : toProperties(r))
            set(back, property.name, property.value);
        // Beyond what the kernel counts, RDMA limits are all the same.
        if (back.rdma && r.rdma)
            for (auto& [name, limit] : *r.rdma)
                for (std::optional<std::uint32_t>* half : {&limit.handles, &limit.objects})
                    if (*half && **half >= INT32_MAX) *half = UINT32_MAX;
        if (back == r) continue;
        CAPTURE(toText(r), toText(back));
        FAIL("not what it was");
    }
}

TEST_CASE("a text that toText does not make is nothing") {
    for (const char* text : {"x", "{", "[]", R"({"memory":{"limit":0}})", R"({"memory":{"limit":1}})",
                             R"({"cpu":{"cpus":"z"}})", "memory.limit=8192", R"({"memory":{"limit":8192}},)"}) {
        CAPTURE(text);
        CHECK(fromText(text) == std::nullopt);
    }
}

TEST_CASE("random bytes never bring down the parser") {
    unit::ResourceDice dice;
    const std::string whole = kEverything;
    int taken = 0;
    for (int i = 0; i < 3000; ++i) {
        std::string json = whole;
        for (std::uint64_t n = 1 + dice.upTo(3); n > 0; --n)
            json[dice.upTo(json.size() - 1)] = static_cast<char>(dice.upTo(255));
        try {
            const Resources r = fromOciJson(json);
            ++taken;
            if (fromText(toText(r)) != r) FAIL(json);
        } catch (const Error&) {}
    }
    CHECK(taken > 0);
}
