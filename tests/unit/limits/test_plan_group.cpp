// SPDX-License-Identifier: LGPL-2.1-or-later
#include "catch.h"
#include "limits/oci_json.h"
#include "limits/plan.h"

#include <algorithm>

using namespace scopewright;
using namespace scopewright::limits;

namespace {

using Lines = std::vector<std::string>;

Lines files(const GroupPlan& plan) {
    Lines lines;
    for (const FileValue& file : plan.files)
        lines.push_back(file.file + " " + file.value);
    std::ranges::sort(lines);
    return lines;
}

constexpr const char* kContainer = R"({"memory":{"limit":268435456,"reservation":134217728,"swap":268435456},
    "cpu":{"shares":512,"quota":50000,"period":100000},"pids":{"limit":64}})";

} // namespace

TEST_CASE("in a group of processes everything is a file, and nothing is rounded") {
    const GroupPlan plan = planGroup(fromOciJson(R"({"memory":{"limit":1073741824,"reservation":-1,"swap":-1},
        "cpu":{"shares":1024,"quota":123456,"period":50000,"burst":1000,"cpus":"0-3,9","mems":"0"},"pids":{"limit":0},
        "blockIO":{"weight":500,"weightDevice":[{"major":8,"minor":16,"weight":10}],
            "throttleReadBpsDevice":[{"major":8,"minor":0,"rate":1048576}],
            "throttleWriteIOPSDevice":[{"major":8,"minor":0,"rate":0}]},
        "hugepageLimits":[{"pageSize":"2MB","limit":18446744073709551615}],"rdma":{"a":{"hcaObjects":1}},
        "unified":{"memory.high":"1G","memory.oom.group":"1","io.latency":"8:0 target=5"}})"),
                                     Context());
    CHECK(files(plan) == Lines{"cpu.max 123456 50000",
                               "cpu.max.burst 1000",
                               "cpu.weight 100",
                               "cpuset.cpus 0-3,9",
                               "cpuset.mems 0",
                               "hugetlb.2MB.max max",
                               "hugetlb.2MB.rsvd.max max",
                               "io.bfq.weight 8:16 10",
                               "io.bfq.weight default 500",
                               "io.latency 8:0 target=5",
                               "io.max 8:0 rbps=1048576 wiops=max",
                               "io.weight 8:16 1",
                               "io.weight default 4950",
                               "memory.high 1073741824",
                               "memory.low max",
                               "memory.max 1073741824",
                               "memory.oom.group 1",
                               "memory.swap.max max",
                               "pids.max 0",
                               "rdma.max a hca_object=1"});
    CHECK(plan.skipped.empty());
    const auto at = [&](std::string_view file) {
        return std::ranges::find(plan.files, file, &FileValue::file) - plan.files.begin();
    };
    CHECK(at("memory.swap.max") < at("memory.max"));
    CHECK(at("cpu.max") < at("cpu.max.burst"));
    CHECK(plan.files[static_cast<std::size_t>(at("io.weight"))].ifAbsent == "io.bfq.weight");
    CHECK(plan.files[static_cast<std::size_t>(at("io.bfq.weight"))].ifPresent);
}

TEST_CASE("a group of processes can be idle, or cease to be") {
    CHECK(files(planGroup(fromOciJson(R"({"cpu":{"idle":1,"shares":5}})"), Context())) == Lines{"cpu.idle 1"});
    const GroupPlan awake = planGroup(fromOciJson(R"({"cpu":{"idle":0,"shares":1024}})"), Context());
    REQUIRE(awake.files.size() == 2);
    CHECK(awake.files[0].file == "cpu.idle");
    CHECK(awake.files[1].file == "cpu.weight");
}

TEST_CASE("a group of processes has its own devices only by a program") {
    const Resources r = fromOciJson(R"({"devices":[{"allow":false,"access":"rwm"}]})");
    Context context;
    CHECK(planGroup(r, context).skipped == std::vector<Skip>{{"devices", kNeedsProgram}});
    context.devicePrograms = true;
    REQUIRE(planGroup(r, context).program);
    CHECK(planGroup(r, context).program->size() == 1);
    CHECK_FALSE(planGroup(fromOciJson(R"({"devices":[{"allow":true,"access":"rwm"}]})"), context).program);
}

TEST_CASE("a group without its controller says so") {
    Context context;
    context.controllers = {"cpu"};
    const GroupPlan plan = planGroup(fromOciJson(kContainer), context);
    CHECK(files(plan) == Lines{"cpu.max 50000 100000", "cpu.weight 59"});
    CHECK(plan.skipped.size() == 4);
    CHECK(std::ranges::all_of(plan.skipped, isControllerMissing));
}

TEST_CASE("what cAdvisor shows of a container is in the files of its group") {
    CHECK(files(planCompat(fromOciJson(kContainer), CompatStyle())) ==
          Lines{"cpu.max 50000 100000", "cpu.weight 20", "memory.low 134217728", "memory.max 268435456",
                "memory.min 134217728", "memory.swap.max 0", "pids.max 64"});
    CHECK(files(planCompat(fromOciJson(R"({"cpu":{"cpus":"8-9","mems":"0"},"memory":{"limit":-1}})"), CompatStyle())) ==
          Lines{"cpuset.cpus 8-9", "cpuset.mems 0", "memory.max max", "memory.swap.max max"});
}

TEST_CASE("the formula of the weight and the file of the reservation can be chosen") {
    const Resources r = fromOciJson(kContainer);
    const auto has = [](const GroupPlan& plan, const char* line) {
        return std::ranges::count(files(plan), std::string(line)) == 1;
    };
    CHECK(has(planCompat(r, {WeightFormula::Quadratic, ReservationFile::Both}), "cpu.weight 59"));
    const GroupPlan min = planCompat(r, {WeightFormula::Linear, ReservationFile::Min});
    CHECK(has(min, "memory.min 134217728"));
    CHECK_FALSE(has(min, "memory.low 134217728"));
    const GroupPlan low = planCompat(r, {WeightFormula::Linear, ReservationFile::Low});
    CHECK_FALSE(has(low, "memory.min 134217728"));
    CHECK(has(low, "memory.low 134217728"));
    // What unified says of one file is about that file.
    const GroupPlan unified =
        planCompat(fromOciJson(R"({"unified":{"memory.low":"1M","cpu.weight":"77"}})"), CompatStyle());
    CHECK(files(unified) == Lines{"cpu.weight 77", "memory.low 1048576"});
}

TEST_CASE("what a group without processes does not show is told") {
    const GroupPlan plan = planCompat(fromOciJson(R"({"blockIO":{"weight":10,
        "weightDevice":[{"major":8,"minor":0,"weight":10}],"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":5}]},
        "hugepageLimits":[{"pageSize":"2MB","limit":1}],"rdma":{"a":{"hcaHandles":1}},"memory":{"swappiness":5},
        "devices":[{"allow":false,"access":"rwm"}],"unified":{"io.latency":"8:0 target=1","foo.bar":"1"}})"),
                                      CompatStyle());
    CHECK(plan.files.empty());
    CHECK(plan.skipped == std::vector<Skip>{{"memory.swappiness", kNoSuchFile},
                                            {"blockIO.weight", kNotShown},
                                            {"blockIO.weightDevice", kNotShown},
                                            {"blockIO.throttleReadBpsDevice", kNotShown},
                                            {"unified.io.latency", kNotShown},
                                            {"hugepageLimits", kNotShown},
                                            {"rdma", kNotShown},
                                            {"unified.foo.bar", kNotShown},
                                            {"devices", kNotShown}});
}

TEST_CASE("an empty set is written as a line break, in files that PID 1 has no property for too") {
    const GroupPlan plan =
        planGroup(fromOciJson(R"({"unified":{"cpuset.cpus":"","cpuset.cpus.exclusive":""}})"), Context());
    CHECK(files(plan) == Lines{"cpuset.cpus \n", "cpuset.cpus.exclusive \n"});
}
