// SPDX-License-Identifier: LGPL-2.1-or-later
#include "limits/unified.h"

#include "catch.h"

#include <utility>
#include <vector>

using namespace scopewright;
using namespace scopewright::limits;

TEST_CASE("a key of unified is the name of a file, and of none that runs the tree", "[attack-18]") {
    for (const char* key : {"memory.high", "cpu.max.burst", "hugetlb.2MB.rsvd.max", "io.cost.qos", "some_new9.Thing_2"})
        CHECK_NOTHROW(checkUnifiedKey(key));
    for (const char* key :
         {"", "memory", ".max", "memory.", "../x", "memory/../x", "memory..max", "memory.max.", "/memory.max",
          "memory.max\n", "Memory.max", "memory.ma x", "memory.m\xc3\xa4x", "memory.a-b", ".", ".."}) {
        CAPTURE(key);
        CHECK_CODE(checkUnifiedKey(key), InvalidArgument);
    }
    CHECK_CODE(checkUnifiedKey("memory." + std::string(200, 'x')), InvalidArgument);
    for (const char* key : {"cgroup.procs", "cgroup.kill", "cgroup.freeze", "cgroup.subtree_control", "cgroup.type",
                            "cgroup.threads", "cgroup.anything", "memory.reclaim"})
        CHECK_CODE(checkUnifiedKey(key), PropertyNotAllowed);
}

TEST_CASE("values are read and printed anew") {
    // clang-format off
    const std::vector<std::pair<std::pair<const char*, const char*>, const char*>> rows{
        {{"memory.max", "1G"}, "1073741824"},           {{"memory.max", "max"}, "max"},
        {{"memory.max", "4k"}, "4096"},                 {{"memory.max", "0"}, "0"},
        {{"memory.high", "100000\n"}, "100000"},        {{"memory.swap.max", "0"}, "0"},
        {{"memory.swap.high", "2M"}, "2097152"},        {{"memory.low", "007G"}, "7516192768"},
        {{"memory.oom.group", "1"}, "1"},               {{"memory.zswap.writeback", "0"}, "0"},
        {{"memory.zswap.max", "max"}, "max"},           {{"pids.max", "0"}, "0"},
        {{"pids.max", "max"}, "max"},                   {{"cpu.max", "max"}, "max 100000"},
        {{"cpu.max", "50000"}, "50000 100000"},         {{"cpu.max", " 50000   20000 "}, "50000 20000"},
        {{"cpu.max", "max 50000"}, "max 50000"},        {{"cpu.weight", "10000"}, "10000"},
        {{"cpu.idle", "1"}, "1"},                       {{"cpu.max.burst", "0"}, "0"},
        {{"cpuset.cpus", "3,1-2"}, "1-3"},              {{"cpuset.cpus", ""}, ""},
        {{"cpuset.cpus.partition", "isolated"}, "isolated"},
        {{"io.weight", "200"}, "default 200"},          {{"io.weight", "default 200\n8:0 default"}, "default 200\n8:0 default"},
        {{"io.bfq.weight", "8:16 1000"}, "8:16 1000"},
        {{"io.max", "8:0 wiops=120 rbps=1048576\n8:16 wbps=max"}, "8:0 rbps=1048576 wiops=120\n8:16 wbps=max"},
        {{"io.latency", "8:0 target=75000"}, "8:0 target=75000"},
        {{"rdma.max", "mlx5_0 hca_object=max hca_handle=2"}, "mlx5_0 hca_handle=2 hca_object=max"},
        {{"misc.max", "sev 5\nsev_es max"}, "sev 5\nsev_es max"},
        {{"hugetlb.2MB.max", "1G"}, "1073741824"},      {{"hugetlb.1GB.rsvd.max", "max"}, "max"},
        {{"io.cost.qos", "8:0  enable=1 ctrl=user"}, "8:0 enable=1 ctrl=user"},
        {{"some.thing", "a\nb"}, "a\nb"},
    };
    // clang-format on
    for (const auto& [asked, printed] : rows) {
        CAPTURE(asked.first, asked.second);
        CHECK_NOTHROW(checkUnifiedKey(asked.first));
        CHECK(unifiedValue(asked.first, asked.second) == printed);
        CHECK(unifiedValue(asked.first, printed) == printed);
    }
}

TEST_CASE("a value that is not its file's is refused", "[attack-18]") {
    const std::vector<std::pair<const char*, const char*>> rows{
        {"memory.max", ""},
        {"memory.max", "1G\n2"},
        {"memory.max", "-1"},
        {"memory.max", "1.5G"},
        {"memory.max", "1GB"},
        {"memory.max", "0x1000"},
        {"memory.max", "100"},
        {"memory.max", " 4096"},
        {"memory.max", "16E"},
        {"memory.max", "G"},
        {"memory.high", "infinity"},
        {"memory.oom.group", "2"},
        {"pids.max", "-1"},
        {"pids.max", "1\n"
                     "\n"},
        {"cpu.weight", "0"},
        {"cpu.weight", "10001"},
        {"cpu.weight", "max"},
        {"cpu.idle", "yes"},
        {"cpu.max", ""},
        {"cpu.max", "999"},
        {"cpu.max", "50000 999"},
        {"cpu.max", "1 2 3"},
        {"cpu.max", "max 1000001"},
        {"cpuset.cpus", "0\n1"},
        {"cpuset.cpus.partition", "x"},
        {"io.weight", "0"},
        {"io.weight", "10001"},
        {"io.weight", "default"},
        {"io.bfq.weight", "1001"},
        {"io.max", "8:0"},
        {"io.max", "8:0 rbps"},
        {"io.max", "8:0 rbps=1"},
        {"io.max", "8:0 rbps=0"},
        {"io.max", "sda rbps=9"},
        {"io.max", "8:0 foo=9"},
        {"io.latency", "8:0"},
        {"rdma.max", "mlx5_0"},
        {"rdma.max", "mlx5_0 foo=1"},
        {"misc.max", "sev"},
        {"misc.max", "sev 1 2"},
        {"hugetlb.2MB.max", "x"},
        {"some.thing", "a\n\nb"},
        {"some.thing", ""},
        {"some.thing", "a\x01"},
        {"some.thing", "\xc3\xa4"},
    };
    for (const auto& row : rows) {
        const std::string key = row.first;
        const std::string value = row.second;
        CAPTURE(key, value);
        CHECK_CODE(unifiedValue(key, value), InvalidArgument);
    }
    CHECK_CODE(unifiedValue("some.thing", std::string(5000, 'x')), InvalidArgument);
    CHECK_CODE(unifiedValue("some.thing", std::string("a\0b", 3)), InvalidArgument);
}

TEST_CASE("the devices of a file are found", "[attack-65]") {
    CHECK(devicesIn("io.max", "8:0 rbps=4\n8:16 wbps=4") == std::vector<DeviceNumber>{{8, 0}, {8, 16}});
    CHECK(devicesIn("io.weight", "default 5\n8:16 7") == std::vector<DeviceNumber>{{8, 16}});
    CHECK(controllerOf("memory.swap.max") == "memory");
}
