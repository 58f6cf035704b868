// SPDX-License-Identifier: LGPL-2.1-or-later
#include "limits/drift.h"

#include "catch.h"
#include "limits/text.h"

using namespace scopewright;
using namespace scopewright::limits;

namespace {

using Numbers = std::vector<std::pair<std::string, std::uint64_t>>;
using Texts = std::vector<std::pair<std::string, std::string>>;
using Mask = std::vector<std::uint8_t>;

bool held(const char* controller, const char* file, const char* value, const char* content) {
    FileValue one;
    one.controller = controller;
    one.file = file;
    one.value = value;
    return holds(one, content);
}

} // namespace

TEST_CASE("a property with another value is an administrator's") {
    const Properties planned{
        {"MemoryMax", std::uint64_t{100}}, {"TasksMax", kInfinity}, {"DevicePolicy", std::string("strict")}};
    CHECK(overrides(planned, planned).empty());
    const Properties shown{
        {"DevicePolicy", std::string("closed")}, {"TasksMax", std::uint64_t{5}}, {"MemoryMax", std::uint64_t{100}}};
    const std::vector<Override> expected{{"TasksMax", "5", "infinity"}, {"DevicePolicy", "closed", "strict"}};
    CHECK(overrides(planned, shown) == expected);
}

TEST_CASE("what PID 1 does not show, or in a type of its own, is nobody's") {
    CHECK(overrides({{"MemoryMax", std::uint64_t{1}}}, {}).empty());
    CHECK(overrides({{"MemoryMax", std::uint64_t{1}}}, {{"MemoryMax", Unreadable{"(bt)"}}}).empty());
}

TEST_CASE("a list is compared as a whole, whatever its order, and a mask whatever its length") {
    const Properties planned{{"IOReadBandwidthMax", Numbers()},
                             {"IOReadBandwidthMax", Numbers{{"/dev/block/8:0", 5}, {"/dev/block/8:16", kInfinity}}},
                             {"DeviceAllow", Texts{{"/dev/gone", "r"}}},
                             {"DeviceAllow", Texts()},
                             {"DeviceAllow", Texts{{"/dev/char/1:3", "rw"}, {"char-136", "rwm"}}},
                             {"AllowedCPUs", Mask{0x0f}}};
    Properties shown{{"IOReadBandwidthMax", Numbers{{"/dev/block/8:0", 5}}},
                     {"DeviceAllow", Texts{{"char-136", "rwm"}, {"/dev/char/1:3", "rw"}}},
                     {"AllowedCPUs", Mask{0x0f, 0, 0, 0}}};
    CHECK(overrides(planned, shown).empty());
    shown[0].value = Numbers{{"/dev/block/8:0", 6}};
    shown[1].value = Texts{{"char-136", "rwm"}};
    shown[2].value = Mask{0x0f, 1};
    CHECK(overrides(planned, shown).size() == 3);
}

TEST_CASE("both ways to allow every device are the same") {
    const Properties atStart{{"DevicePolicy", std::string("auto")}, {"DeviceAllow", Texts()}};
    const Properties live{{"DevicePolicy", std::string("strict")},
                          {"DeviceAllow", Texts{{"char-*", "rwm"}, {"block-*", "rwm"}}}};
    CHECK(overrides(atStart, live).empty());
    CHECK(overrides(live, atStart).empty());
    const Properties less{{"DevicePolicy", std::string("strict")}, {"DeviceAllow", Texts{{"char-*", "rwm"}}}};
    CHECK(overrides(atStart, less).size() == 2);
}

TEST_CASE("an update leaves to others what they have set and it does not change") {
    Resources before;
    before.memoryLimit = 1 << 30;
    before.pidsLimit = 64;
    Context context;
    context.systemdVersion = 252;
    const Properties shown{{"MemoryMax", std::uint64_t{1 << 20}}, {"TasksMax", std::uint64_t{5}}};
    Resources after = before;
    after.pidsLimit = 65;
    CHECK(standing(before, after, context, shown).others == std::set<std::string>{"MemoryMax"});
    after.memoryLimit = 1 << 29;
    CHECK(standing(before, after, context, shown).others.empty());
    CHECK(standing(before, before, context, planScope(before, context).properties).others.empty());
}

TEST_CASE("what can only be given at the start is told where the update wants another value") {
    using Files = std::map<std::string, std::string>;
    Resources before;
    before.unified = Files{{"memory.oom.group", "1"}};
    Context context;
    context.systemdVersion = 257;
    const Properties shown = planScope(before, context).properties;
    Resources after = before;
    after.pidsLimit = 5;
    CHECK(standing(before, after, context, shown).fixed.empty());
    after.unified = Files{{"memory.oom.group", "0"}};
    CHECK(standing(before, after, context, shown).fixed ==
          std::vector<Skip>{{"unified.memory.oom.group", fixedAtStart("OOMPolicy")}});
    CHECK(standing(after, before, context, planScope(after, context).properties).fixed.empty());
    context.systemdVersion = 252;
    CHECK(standing(before, after, context, shown).fixed.empty());
}

TEST_CASE("the way back is what PID 1 showed, lists emptied first") {
    const Properties told{{"MemoryMax", std::uint64_t{5}}, {"IOReadBandwidthMax", Numbers{{"/dev/block/8:0", 5}}},
                          {"DeviceAllow", Texts()},        {"DeviceAllow", Texts{{"char-1", "r"}}},
                          {"AllowedCPUs", Mask{1}},        {"Unknown", true}};
    const Properties shown{{"MemoryMax", kInfinity},
                           {"IOReadBandwidthMax", Numbers()},
                           {"DeviceAllow", Texts{{"char-136", "rwm"}}},
                           {"AllowedCPUs", Mask{}},
                           {"TasksMax", std::uint64_t{9}}};
    const Properties back = asBefore(told, shown);
    std::vector<std::string> lines;
    for (const Property& one : back)
        lines.push_back(one.name + " " + valueText(one.value));
    CHECK(lines == std::vector<std::string>{"MemoryMax infinity", "IOReadBandwidthMax ", "DeviceAllow ",
                                            "DeviceAllow char-136 rwm", "AllowedCPUs "});
    const Resources emptied = emptiedBy(back, told);
    CHECK(emptied.cpus == std::string());
    CHECK_FALSE(emptied.mems);
    CHECK(emptied.readBps == Rates{{{8, 0}, 0}});
    CHECK_FALSE(emptied.weightDevice);
    CHECK(emptiedBy(told, told) == Resources());
}

TEST_CASE("the way back to no device rules is a list that allows everything") {
    const Properties told{{"DevicePolicy", std::string("strict")}, {"DeviceAllow", Texts{{"char-1", "r"}}}};
    const Properties shown{{"DevicePolicy", std::string("auto")}, {"DeviceAllow", Texts()}};
    std::vector<std::string> lines;
    for (const Property& one : asBefore(told, shown))
        lines.push_back(one.name + " " + valueText(one.value));
    CHECK(lines ==
          std::vector<std::string>{"DevicePolicy strict", "DeviceAllow ", "DeviceAllow block-* rwm, char-* rwm"});
}

TEST_CASE("what a write changes can be written back") {
    const auto back = [](const char* name, const char* value, const char* content) {
        FileValue file;
        file.file = name;
        file.value = value;
        return former(file, content);
    };
    CHECK(back("pids.max", "64", "max\n") == "max\n");
    CHECK(back("cpu.max", "50000 100000", "max 100000\n") == "max 100000\n");
    CHECK(back("io.max", "8:0 rbps=5", "8:16 rbps=1\n8:0 rbps=max wbps=7 riops=max wiops=max\n") ==
          "8:0 rbps=max wbps=7 riops=max wiops=max");
    CHECK(back("io.max", "8:0 rbps=5 wiops=9", "8:16 rbps=1\n") == "8:0 rbps=max wiops=max");
    CHECK(back("io.weight", "default 50", "default 100\n8:0 5\n") == "default 100");
    CHECK(back("io.weight", "8:16 50", "default 100\n8:0 5\n") == "8:16 default");
    CHECK(back("io.latency", "8:0 target=5", "") == "8:0 target=0");
    CHECK(back("rdma.max", "mlx5_0 hca_handle=2", "") == "mlx5_0 hca_handle=max");
    CHECK(back("misc.max", "sev 5", "sev max\n") == "sev max");
}

TEST_CASE("a file holds its value in the words of the kernel") {
    CHECK(held("pids", "pids.max", "64", "64\n"));
    CHECK_FALSE(held("pids", "pids.max", "64", "63\n"));
    CHECK(held("pids", "pids.max", "max", "max\n"));
    CHECK_FALSE(held("pids", "pids.max", "max", "64\n"));
    CHECK(held("cpu", "cpu.max", "50000 100000", "50000 100000\n"));
    CHECK_FALSE(held("cpu", "cpu.max", "50000 100000", "max 100000\n"));
    CHECK(held("cpuset", "cpuset.cpus", "\n", "\n"));
    CHECK_FALSE(held("cpuset", "cpuset.cpus", "0-1", "\n"));
}

TEST_CASE("the kernel keeps whole pages") {
    CHECK(held("memory", "memory.high", "100000", "98304\n"));
    CHECK_FALSE(held("memory", "memory.high", "100000", "94208\n"));
    CHECK_FALSE(held("memory", "memory.high", "100000", "102400\n"));
    CHECK(held("hugetlb", "hugetlb.2MB.max", "5000000", "4194304\n"));
    CHECK_FALSE(held("hugetlb", "hugetlb.2MB.max", "5000000", "2097152\n"));
    CHECK(held("hugetlb", "hugetlb.1GB.max", "2000000000", "1073741824\n"));
}

TEST_CASE("lines are found by their device, and what is lifted has none") {
    const char* content = "8:16 rbps=1 wbps=max riops=max wiops=max\n8:0 rbps=600 wbps=max riops=120 wiops=max\n";
    CHECK(held("io", "io.max", "8:0 riops=120 rbps=600", content));
    CHECK_FALSE(held("io", "io.max", "8:0 rbps=601", content));
    CHECK(held("io", "io.max", "8:0 wbps=max", content));
    CHECK(held("io", "io.max", "8:32 wbps=max", content));
    CHECK_FALSE(held("io", "io.max", "8:0 rbps=max", content));
    CHECK_FALSE(held("io", "io.weight", "8:0 default", "default 100\n8:0 200\n"));
    CHECK_FALSE(held("io", "io.max", "8:32 wbps=5", content));
    CHECK(held("io", "io.latency", "8:0 target=0", "8:16 target=75000\n"));
    CHECK_FALSE(held("io", "io.latency", "8:0 target=0", "8:0 target=75000\n"));
    CHECK_FALSE(held("io", "io.latency", "8:0 target=75000", ""));
    CHECK(held("io", "io.weight", "default 100", "default 100\n8:0 200\n"));
    CHECK(held("io", "io.weight", "8:0 200", "default 100\n8:0 200\n"));
    CHECK(held("io", "io.weight", "8:32 default", "default 100\n8:0 200\n"));
    CHECK_FALSE(held("io", "io.weight", "default 50", "default 100\n8:0 200\n"));
    CHECK(held("rdma", "rdma.max", "mlx5_0 hca_handle=2", "mlx5_0 hca_handle=2 hca_object=max\n"));
    CHECK_FALSE(held("rdma", "rdma.max", "mlx5_0 hca_handle=2", ""));
}
