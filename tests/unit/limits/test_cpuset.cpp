// SPDX-License-Identifier: LGPL-2.1-or-later
#include "limits/cpuset.h"

#include "catch.h"
#include "limits/dice.h"

using namespace scopewright;
using namespace scopewright::limits;

namespace {

struct Row {
    const char* list;
    CpuMask mask;
};

CpuMask far() {
    CpuMask mask(24);
    mask[1] = 0x01;
    mask[23] = 0x01;
    return mask;
}

} // namespace

TEST_CASE("a list of CPUs is a mask whose first byte has the first eight") {
    const std::vector<Row> rows{
        {"0", {0x01}},
        {"0-3", {0x0f}},
        {"1,3-5", {0x3a}},
        {"7", {0x80}},
        {"8", {0x00, 0x01}},
        {"0-4,9", {0x1f, 0x02}},
        {"10-23", {0x00, 0xfc, 0xff}},
        {"31-32,63-64", {0x00, 0x00, 0x00, 0x80, 0x01, 0x00, 0x00, 0x80, 0x01}},
        {"8,184", far()},
        {"", {}},
    };
    for (const Row& row : rows) {
        CAPTURE(row.list);
        CHECK(parseCpuList("cpu.cpus", row.list) == row.mask);
        CHECK(cpuListText(row.mask) == row.list);
    }
    // Read from the wrong end these would be CPUs 1 and 8-12, and 0-7 and 10-15.
    CHECK(cpuListText({0x02, 0x1f}) == "1,8-12");
    CHECK(cpuListText({0xff, 0xfc, 0x00}) == "0-7,10-15");
}

TEST_CASE("blanks, overlaps and disorder are taken; the list comes out as the kernel prints it") {
    CHECK(cpuListText(parseCpuList("k", " 3, 1 - 2 ,0")) == "0-3");
    CHECK(cpuListText(parseCpuList("k", "5,5,4-6")) == "4-6");
    CHECK(cpuListText(parseCpuList("k", "31,32,63,64")) == "31-32,63-64");
    CHECK(cpuListText(parseCpuList("k", "0-8191")) == "0-8191");
}

TEST_CASE("what is no list of CPUs is refused", "[attack-65]") {
    for (const char* list : {",", "0,", ",0", "-", "1-", "-1", "a", "0-3:2/4", "0x1", "1-2-3", "+1", "2-1", "8192",
                             "0-4294967296", "18446744073709551616", "0\n", "0\t1", "1;2"}) {
        CAPTURE(list);
        CHECK_CODE(parseCpuList("cpu.cpus", list), InvalidArgument);
    }
}

TEST_CASE("every list survives its mask") {
    unit::ResourceDice dice;
    for (int i = 0; i < 2000; ++i) {
        const CpuMask mask = parseCpuList("k", dice.cpuList());
        if (parseCpuList("k", cpuListText(mask)) == mask && (mask.empty() || mask.back() != 0)) continue;
        FAIL(cpuListText(mask));
    }
}
