// SPDX-License-Identifier: LGPL-2.1-or-later
// The whole model on a scope: what PID 1 is told, what is written where, and what is not in force.
#include "catch.h"
#include "limits/at.h"
#include "limits/explain.h"
#include "limits/oci_json.h"
#include "limits/plan.h"
#include "limits/text.h"

#include <algorithm>
#include <set>

using namespace scopewright;
using namespace scopewright::limits;

namespace {

ScopePlan plan(const char* json, const Context& context) {
    return planScope(fromOciJson(json), context);
}

/// "Name value" of each, in order.
std::vector<std::string> properties(const ScopePlan& plan) {
    std::vector<std::string> lines;
    for (const Property& property : plan.properties)
        lines.push_back(property.name + " " + valueText(property.value));
    return lines;
}

std::vector<std::string> files(const std::vector<FileValue>& list) {
    std::vector<std::string> lines;
    for (const FileValue& file : list)
        lines.push_back(file.file + " " + file.value);
    return lines;
}

using Lines = std::vector<std::string>;
using Skips = std::vector<Skip>;

} // namespace

TEST_CASE("the quota that PID 1 keeps depends on its version, and a file beside it agrees") {
    constexpr const char* kQuota = R"({"cpu":{"quota":123456,"period":50000}})";
    CHECK(properties(plan(kQuota, at(255))) == Lines{"CPUQuotaPeriodUSec 50000", "CPUQuotaPerSecUSec 2470000"});
    CHECK(properties(plan(kQuota, at(256))) == Lines{"CPUQuotaPeriodUSec 50000", "CPUQuotaPerSecUSec 2469200"});
    CHECK(plan(kQuota, at(256)).files.empty());
    // PID 1 knows the ratio alone; the length of the period is ours to write.
    CHECK(properties(plan(kQuota, at(241))) == Lines{"CPUQuotaPerSecUSec 2470000"});
    CHECK(files(plan(kQuota, at(241)).files) == Lines{"cpu.max 123500 50000"});
    CHECK(plan(R"({"cpu":{"quota":50000}})", at(241)).files.empty());
}

TEST_CASE("a swap of 0 is said in each version in the way it can be") {
    constexpr const char* kSwap = R"({"memory":{"limit":8192,"swap":8192}})";
    CHECK(properties(plan(kSwap, at(239))) == Lines{"MemoryMax 8192", "MemorySwapMax 0"});
    CHECK(properties(plan(kSwap, at(238))) == Lines{"MemoryMax 8192"});
    CHECK(files(plan(kSwap, at(238)).files) == Lines{"memory.swap.max 0"});
    constexpr const char* kMore = R"({"memory":{"limit":8192,"swap":12288}})";
    CHECK(properties(plan(kMore, at(232))) == Lines{"MemoryMax 8192", "MemorySwapMax 4096"});
    CHECK(files(plan(kMore, at(231)).files) == Lines{"memory.swap.max 4096"});
}

TEST_CASE("an idle group has no weight") {
    constexpr const char* kIdle = R"({"cpu":{"idle":1}})";
    CHECK(properties(plan(kIdle, at(252))) == Lines{"CPUWeight 0"});
    CHECK(properties(plan(kIdle, at(251))).empty());
    CHECK(files(plan(kIdle, at(251)).files) == Lines{"cpu.idle 1"});
    const ScopePlan both = plan(R"({"cpu":{"idle":1,"shares":1024}})", at(252));
    CHECK(properties(both) == Lines{"CPUWeight 0"});
    CHECK(both.skipped == Skips{{"cpu.shares", kIdleGroup}});
}

TEST_CASE("idling ends with a weight, or with the default one") {
    constexpr const char* kAwake = R"({"cpu":{"idle":0}})";
    CHECK(properties(plan(kAwake, at(252))).empty());
    CHECK(properties(plan(kAwake, at(252, false))) == Lines{"CPUWeight infinity"});
    CHECK(properties(plan(R"({"cpu":{"idle":0,"shares":1024}})", at(252, false))) == Lines{"CPUWeight 100"});
    const ScopePlan old = plan(R"({"cpu":{"idle":0}})", at(251, false));
    CHECK(files(old.files) == Lines{"cpu.idle 0"});
    CHECK(old.files.front().rank == 0);
}

TEST_CASE("burst counts where the quota does, which is the scope") {
    const ScopePlan burst = plan(R"({"cpu":{"quota":50000,"burst":20000}})", at(262));
    CHECK(files(burst.scopeFiles) == Lines{"cpu.max.burst 20000"});
    CHECK(burst.files.empty());
}

TEST_CASE("a set of CPUs is bytes for PID 1, and taken back in the file, too") {
    const ScopePlan set = plan(R"({"cpu":{"cpus":"10-23","mems":"0"}})", at(244));
    REQUIRE(set.properties.size() == 2);
    CHECK(std::get<std::vector<std::uint8_t>>(set.properties[0].value) == std::vector<std::uint8_t>{0x00, 0xfc, 0xff});
    CHECK(set.properties[0].name == "AllowedCPUs");
    CHECK(files(plan(R"({"cpu":{"cpus":"10-23","mems":"0"}})", at(243)).files) ==
          Lines{"cpuset.cpus 10-23", "cpuset.mems 0"});
    CHECK(set.scopeFiles.empty());
    Resources none;
    limits::set(none, "cpu.cpus", std::string());
    const ScopePlan reset = planScope(none, at(252, false));
    CHECK(properties(reset) == Lines{"AllowedCPUs "});
    CHECK(files(reset.scopeFiles) == Lines{"cpuset.cpus \n"});
    CHECK(reset.echoes.empty());
    CHECK(planScope(none, at(252)).properties.empty());
}

TEST_CASE("weights are sent so that BFQ gets the number of the specification, in each version") {
    constexpr const char* kWeight = R"({"blockIO":{"weight":300}})";
    CHECK(properties(plan(kWeight, at(250))) == Lines{"IOWeight 2300"});
    CHECK(properties(plan(kWeight, at(249))) == Lines{"IOWeight 3000"});
    CHECK(properties(plan(kWeight, at(248))) == Lines{"IOWeight 3000"});
    CHECK(properties(plan(kWeight, at(247))) == Lines{"IOWeight 300"});
    CHECK(plan(kWeight, at(247)).scopeFiles.empty());
    CHECK(properties(plan(kWeight, at(242))) == Lines{"IOWeight 2930"});
    CHECK(files(plan(kWeight, at(242)).scopeFiles) == Lines{"io.bfq.weight default 300"});
    const ScopePlan old = plan(kWeight, at(229));
    CHECK(files(old.scopeFiles) == Lines{"io.bfq.weight default 300", "io.weight default 2930"});
    CHECK(old.scopeFiles[0].ifPresent);
    CHECK(old.scopeFiles[1].ifAbsent == "io.bfq.weight");
    CHECK(old.files.empty());
}

TEST_CASE("rates and weights of devices go by paths that PID 1 can resolve") {
    constexpr const char* kDevices = R"({"blockIO":{"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":600}],
        "throttleWriteIOPSDevice":[{"major":8,"minor":0,"rate":0}],
        "weightDevice":[{"major":8,"minor":16,"weight":500}]}})";
    CHECK(properties(plan(kDevices, at(251))) == Lines{"IODeviceWeight /dev/block/8:16 4500",
                                                       "IOReadBandwidthMax /dev/block/8:0 600",
                                                       "IOWriteIOPSMax /dev/block/8:0 infinity"});
    CHECK(plan(kDevices, at(251)).scopeFiles.empty());
    // Up to 250 PID 1 writes them to io.weight alone.
    CHECK(files(plan(kDevices, at(250)).scopeFiles) == Lines{"io.bfq.weight 8:16 500"});
    CHECK(files(plan(kDevices, at(229)).files) == Lines{"io.max 8:0 rbps=600 wiops=max"});
    CHECK(blockDevices(fromOciJson(kDevices)) == std::vector<DeviceNumber>{{8, 0}, {8, 16}});
}

TEST_CASE("a device without a node goes to the kernel by number") {
    constexpr const char* kDevices = R"({"blockIO":{"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":600},
        {"major":9,"minor":0,"rate":700}],"weightDevice":[{"major":9,"minor":0,"weight":500}]}})";
    Context context = at(252);
    context.absentDevices = {{9, 0}};
    const ScopePlan mixed = plan(kDevices, context);
    CHECK(properties(mixed) == Lines{"IOReadBandwidthMax /dev/block/8:0 600"});
    CHECK(files(mixed.files) == Lines{"io.max 9:0 rbps=700"});
    CHECK(files(mixed.scopeFiles) == Lines{"io.bfq.weight 9:0 500", "io.weight 9:0 4500"});
    // If the kernel does not know the device either, that is told.
    CHECK_FALSE(mixed.scopeFiles[1].ifPresent);
}

TEST_CASE("what the kernel may refuse behind PID 1's back is written once more, to be told") {
    constexpr const char* kAll = R"({"cpu":{"cpus":"0-7","mems":"1","shares":2},"memory":{"limit":8192},
        "blockIO":{"weight":100,"weightDevice":[{"major":8,"minor":0,"weight":500}]},
        "unified":{"memory.zswap.max":"0","memory.zswap.writeback":"0"}})";
    const std::vector<FileValue> echoes = plan(kAll, at(256)).echoes;
    CHECK(files(echoes) == Lines{"cpuset.cpus 0-7", "cpuset.mems 1", "memory.zswap.max 0", "memory.zswap.writeback 0",
                                 "io.weight default 100", "io.weight 8:0 4500"});
    for (const FileValue& file : echoes) {
        CHECK_FALSE(file.ifPresent);
        CHECK(file.ifAbsent == (file.file == "io.weight" ? "io.bfq.weight" : ""));
    }
    // Where it is a file, that one tells.
    CHECK(files(plan(kAll, at(243)).echoes) == Lines{"io.weight default 100", "io.weight 8:0 500"});
    const std::vector<ExplainRow> rows = explain(fromOciJson(kAll), at(256));
    CHECK(std::ranges::none_of(rows, [](const ExplainRow& row) { return row.target == "cpuset.cpus"; }));
}

TEST_CASE("what is lifted is lifted in PID 1 and in the file") {
    const Resources base = fromOciJson(R"({"blockIO":{"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":600}],
        "weightDevice":[{"major":8,"minor":16,"weight":500},{"major":8,"minor":32,"weight":100}]}})");
    Resources change;
    set(change, "blockIO.throttleReadBpsDevice", std::vector<std::pair<std::string, std::uint64_t>>());
    set(change, "blockIO.weightDevice", std::vector<std::pair<std::string, std::uint64_t>>{{"8:16", 0}});
    const ScopePlan lifted = planScope(merge(base, change), at(252, false));
    CHECK(properties(lifted) ==
          Lines{"IODeviceWeight ", "IODeviceWeight /dev/block/8:32 100", "IOReadBandwidthMax /dev/block/8:0 infinity"});
    CHECK(files(lifted.scopeFiles) ==
          Lines{"io.bfq.weight 8:16 default", "io.weight 8:16 default", "io.max 8:0 rbps=max"});
    CHECK(std::ranges::all_of(lifted.scopeFiles, [](const FileValue& f) { return f.ifPresent || f.file == "io.max"; }));
}

TEST_CASE("a limit of 0, which only a file can say, is gone when a property says another one") {
    const auto leaf = [](const char* json) { return plan(json, at(252, false)).files; };
    const std::vector<FileValue> none =
        leaf(R"({"unified":{"memory.high":"0","memory.max":"0","pids.max":"0","memory.swap.high":"1M"}})");
    CHECK(files(none) == Lines{"memory.high 0", "memory.max 0", "pids.max 0", "memory.swap.high 1048576"});
    const std::vector<FileValue> some =
        leaf(R"({"unified":{"memory.high":"0","memory.max":"1G","pids.max":"20","memory.swap.high":"1M"}})");
    CHECK(files(takenBack(none, some)) == Lines{"memory.max max", "pids.max max"});
    CHECK(takenBack(some, none).empty());
    CHECK(takenBack(none, none).empty());
}

TEST_CASE("what PID 1 has no property for is written to the payload group") {
    const ScopePlan plain = plan(R"({"hugepageLimits":[{"pageSize":"2MB","limit":4194304},{"pageSize":"1GB","limit":0}],
        "rdma":{"mlx5_0":{"hcaHandles":2,"hcaObjects":2000},"mlx5_1":{"hcaObjects":4294967295}},
        "unified":{"misc.max":"sev 3\nsev_es max","memory.swap.high":"1M","cpuset.cpus.partition":"root"}})",
                                 at(262));
    CHECK(plain.properties.empty());
    CHECK(files(plain.files) == Lines{"hugetlb.1GB.max 0", "hugetlb.1GB.rsvd.max 0", "hugetlb.2MB.max 4194304",
                                      "hugetlb.2MB.rsvd.max 4194304", "rdma.max mlx5_0 hca_handle=2 hca_object=2000",
                                      "rdma.max mlx5_1 hca_object=max", "cpuset.cpus.partition root",
                                      "memory.swap.high 1048576", "misc.max sev 3", "misc.max sev_es max"});
    for (const FileValue& file : plain.files) {
        CHECK(file.ifPresent == (file.file.find("rsvd") != std::string::npos));
        CHECK(file.controller == file.file.substr(0, file.file.find('.')));
    }
}

TEST_CASE("unified is said to PID 1 where PID 1 models the file") {
    const ScopePlan unified =
        plan(R"({"unified":{"cpu.weight":"250","cpu.max":"max","cpuset.cpus":"8","memory.max":"1G",
        "memory.high":"512M","memory.low":"0","memory.min":"1M","memory.swap.max":"0","memory.zswap.max":"max",
        "memory.zswap.writeback":"0","memory.oom.group":"1","pids.max":"7","io.weight":"default 200\n8:0 300",
        "io.max":"8:0 rbps=1048576 wiops=120","io.latency":"8:0 target=75000"}})",
             at(262));
    CHECK(properties(unified) ==
          Lines{"CPUWeight 250", "CPUQuotaPeriodUSec 100000", "CPUQuotaPerSecUSec infinity", "AllowedCPUs 8",
                "MemoryHigh 536870912", "MemoryLow 0", "MemoryMax 1073741824", "MemoryMin 1048576", "OOMPolicy kill",
                "MemorySwapMax 0", "MemoryZSwapMax infinity", "MemoryZSwapWriteback false", "TasksMax 7",
                "IOWeight 200", "IODeviceWeight /dev/block/8:0 300", "IOReadBandwidthMax /dev/block/8:0 1048576",
                "IOWriteIOPSMax /dev/block/8:0 120", "IODeviceLatencyTargetUSec /dev/block/8:0 75000"});
    CHECK(unified.files.empty());
    CHECK(unified.scopeFiles.empty());
    CHECK(unified.skipped.empty());
}

TEST_CASE("a 0 that PID 1 refuses is written instead") {
    const ScopePlan zeros =
        plan(R"({"unified":{"memory.max":"0","memory.high":"0","pids.max":"0","memory.low":"0"}})", at(242));
    CHECK(properties(zeros) == Lines{"TasksMax 1"});
    CHECK(files(zeros.files) == Lines{"memory.high 0", "memory.low 0", "memory.max 0", "pids.max 0"});
    CHECK(properties(plan(R"({"pids":{"limit":0}})", at(252))) == Lines{"TasksMax 1"});
    CHECK(plan(R"({"pids":{"limit":0}})", at(252)).files.empty());
}

TEST_CASE("unified wins over the structured fields") {
    const ScopePlan both = plan(R"({"memory":{"limit":8192,"reservation":4096},"cpu":{"shares":1024,"quota":1000},
        "pids":{"limit":5},"rdma":{"a":{"hcaHandles":1},"b":{"hcaHandles":2}},"hugepageLimits":[{"pageSize":"2MB","limit":0}],
        "blockIO":{"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":600},{"major":8,"minor":16,"rate":700}]},
        "unified":{"memory.max":"1G","cpu.weight":"7","cpu.max":"20000 100000","pids.max":"max",
        "rdma.max":"a hca_handle=9","io.max":"8:0 rbps=900","hugetlb.2MB.max":"2M"}})",
                                at(262));
    CHECK(properties(both) == Lines{"CPUWeight 7", "CPUQuotaPeriodUSec 100000", "CPUQuotaPerSecUSec 200000",
                                    "MemoryLow 4096", "MemoryMax 1073741824", "TasksMax infinity",
                                    "IOReadBandwidthMax /dev/block/8:0 900, /dev/block/8:16 700"});
    CHECK(files(both.files) == Lines{"hugetlb.2MB.rsvd.max 0", "rdma.max b hca_handle=2", "hugetlb.2MB.max 2097152",
                                     "rdma.max a hca_handle=9"});
    CHECK(both.skipped.empty());
    CHECK(properties(plan(R"({"cpu":{"idle":1},"unified":{"cpu.weight":"7"}})", at(252))) == Lines{"CPUWeight 7"});
    CHECK(properties(plan(R"({"cpu":{"shares":2},"unified":{"cpu.idle":"1"}})", at(252))) == Lines{"CPUWeight 0"});
}

TEST_CASE("what only cgroup v1 had is skipped, unless it asks for nothing") {
    const ScopePlan v1 = plan(R"({"memory":{"kernel":8192,"kernelTCP":8192,"swappiness":60,"disableOOMKiller":true,
        "useHierarchy":false},"cpu":{"realtimeRuntime":1000,"realtimePeriod":2000},"network":{"classID":1,
        "priorities":[{"name":"eth0","priority":1}]},"blockIO":{"leafWeight":10,
        "weightDevice":[{"major":8,"minor":0,"leafWeight":10}]}})",
                              at(262));
    CHECK(v1.properties.empty());
    CHECK(v1.files.empty());
    std::set<std::string> keys;
    for (const Skip& skip : v1.skipped) {
        CHECK(skip.cause == kNoSuchFile);
        keys.insert(skip.key);
    }
    CHECK(keys == std::set<std::string>{"memory.kernel", "memory.kernelTCP", "memory.swappiness",
                                        "memory.disableOOMKiller", "memory.useHierarchy", "cpu.realtimeRuntime",
                                        "cpu.realtimePeriod", "network.classID", "network.priorities",
                                        "blockIO.leafWeight", "blockIO.weightDevice"});
    const ScopePlan nothing =
        plan(R"({"memory":{"disableOOMKiller":false,"useHierarchy":true,"checkBeforeUpdate":true}})", at(262));
    CHECK(nothing.skipped.empty());
    CHECK(nothing.properties.empty());
}

TEST_CASE("device rules are told to PID 1, and a program is asked for where that is not all") {
    const ScopePlan told = plan(R"({"devices":[{"allow":false,"access":"rwm"},
        {"allow":true,"type":"c","major":1,"minor":3,"access":"rwm"}]})",
                                at(252));
    CHECK(properties(told) == Lines{"DevicePolicy strict", "DeviceAllow ", "DeviceAllow /dev/char/1:3 rwm"});
    CHECK_FALSE(told.program);
    constexpr const char* kHole = R"({"devices":[{"allow":true,"access":"rwm"},
        {"allow":false,"type":"b","major":8,"minor":0,"access":"w"}]})";
    const ScopePlan without = plan(kHole, at(252));
    CHECK(properties(without) == Lines{"DevicePolicy auto", "DeviceAllow "});
    CHECK(without.skipped == Skips{{"devices", kNeedsProgram}});
    Context able = at(252);
    able.devicePrograms = true;
    const ScopePlan with = plan(kHole, able);
    REQUIRE(with.program);
    CHECK(with.program->size() == 2);
    CHECK(with.skipped.empty());
}

TEST_CASE("a running scope is told that every device is allowed, since it keeps its program otherwise") {
    const Resources all = fromOciJson(R"({"devices":[{"allow":true,"access":"rwm"}]})");
    CHECK(properties(planScope(all, at(252))) == Lines{"DevicePolicy auto", "DeviceAllow "});
    CHECK(properties(planScope(all, at(252, false))) ==
          Lines{"DevicePolicy strict", "DeviceAllow ", "DeviceAllow block-* rwm, char-* rwm"});
}

TEST_CASE("without its controller a resource is skipped, wherever it would have gone") {
    constexpr const char* kAll =
        R"({"memory":{"limit":8192},"cpu":{"shares":2,"quota":1000,"burst":0,"idle":0,"cpus":"0"},
        "pids":{"limit":5},"blockIO":{"weight":10,"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":600}],
        "weightDevice":[{"major":8,"minor":0,"weight":10}]},"rdma":{"a":{"hcaHandles":1}},
        "hugepageLimits":[{"pageSize":"2MB","limit":0}],"unified":{"foo.bar":"1","io.latency":"8:0 target=1"}})";
    Context none = at(252, false);
    none.controllers = {};
    const ScopePlan plan = limits::planScope(fromOciJson(kAll), none);
    CHECK(plan.properties.empty());
    CHECK(plan.files.empty());
    CHECK(plan.scopeFiles.empty());
    std::set<std::string> keys;
    for (const Skip& skip : plan.skipped) {
        CHECK(isControllerMissing(skip));
        keys.insert(skip.key);
    }
    CHECK(keys == std::set<std::string>{"memory.limit", "cpu.shares", "cpu.quota", "cpu.burst", "cpu.idle", "cpu.cpus",
                                        "pids.limit", "blockIO.weight", "blockIO.throttleReadBpsDevice",
                                        "blockIO.weightDevice", "rdma", "hugepageLimits", "unified.foo.bar",
                                        "unified.io.latency"});
    CHECK(std::ranges::find(plan.skipped, Skip{"unified.foo.bar", missingController("foo")}) != plan.skipped.end());
}

TEST_CASE("files are written in the order the kernel allows") {
    const std::vector<FileValue> list = planScope(fromOciJson(R"({"memory":{"limit":8192,"swap":12288},
        "cpu":{"idle":0}})"),
                                                  at(230, false))
                                            .files;
    CHECK(files(inOrder(list, true)) == Lines{"cpu.idle 0", "memory.swap.max 4096", "memory.max 8192"});
    CHECK(files(inOrder(list, false)) == Lines{"cpu.idle 0", "memory.max 8192", "memory.swap.max 4096"});
}
