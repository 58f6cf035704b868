// SPDX-License-Identifier: LGPL-2.1-or-later
#include "limits/block_io.h"

#include "catch.h"

#include <algorithm>

using namespace scopewright;
using namespace scopewright::limits;

namespace {

struct WeightRow {
    std::uint64_t weight;
    std::uint64_t linear;
    std::uint64_t bfqOfLinear;
    std::uint64_t inverse;
    std::uint64_t bfqOfInverse;
    std::uint64_t pid1; ///< of BlockIOWeight on cgroup v2, which nobody should send
};

// clang-format off
constexpr WeightRow kWeights[] = {
    {10,   1,     1,    10,    10,   2},
    {50,   405,   127,  50,    50,   10},
    {100,  910,   173,  100,   100,  20},
    {101,  920,   174,  111,   101,  20},
    {200,  1920,  265,  1200,  200,  40},
    {300,  2930,  357,  2300,  300,  60},
    {500,  4950,  540,  4500,  500,  100},
    {800,  7980,  816,  7800,  800,  160},
    {1000, 10000, 1000, 10000, 1000, 200},
};
// clang-format on

} // namespace

TEST_CASE("there are three ways to convert an I/O weight, and one of them gives the number that was asked for") {
    for (const WeightRow& row : kWeights) {
        CAPTURE(row.weight);
        CHECK(linearIoWeight(row.weight) == row.linear);
        CHECK(ioToBfqWeight(row.linear) == row.bfqOfLinear);
        CHECK(bfqToIoWeight(row.weight) == row.inverse);
        CHECK(ioToBfqWeight(row.inverse) == row.bfqOfInverse);
        CHECK(std::clamp<std::uint64_t>(row.weight * 100 / 500, 1, 10000) == row.pid1);
    }
    CHECK(ioToBfqWeight(500) == 136);
}

TEST_CASE("every BFQ weight comes back from PID 1 as it was") {
    for (std::uint64_t weight = 1; weight <= 1000; ++weight) {
        if (ioToBfqWeight(bfqToIoWeight(weight)) == weight && bfqToIoWeight(weight) <= 10000) continue;
        FAIL(weight << " comes back as " << ioToBfqWeight(bfqToIoWeight(weight)));
    }
}

TEST_CASE("what PID 1 makes of IOWeight changed three times") {
    CHECK(ioWeightFor(300, 242) == linearIoWeight(300));
    CHECK(ioWeightFor(300, 243) == 300);
    CHECK(ioWeightFor(300, 247) == 300);
    CHECK(ioWeightFor(300, 248) == 3000);
    CHECK(ioWeightFor(300, 249) == 3000);
    CHECK(ioWeightFor(300, 250) == 2300);
    CHECK(ioWeightFor(300, 262) == 2300);
    CHECK(ioWeightFor(1, 242) == 1);
    for (unsigned version : {230U, 243U, 248U, 250U})
        for (std::uint64_t weight = 1; weight <= 1000; ++weight)
            if (ioWeightFor(weight, version) < 1 || ioWeightFor(weight, version) > 10000) FAIL(weight);
    // What 248 and 249 write of it.
    for (std::uint64_t weight = 1; weight <= 1000; ++weight)
        if ((ioWeightFor(weight, 248) + 9) / 10 != weight) FAIL(weight);
}

TEST_CASE("a device is two numbers, and PID 1 gets a path it can resolve") {
    CHECK(parseDeviceNumber("k", "8:16") == DeviceNumber{8, 16});
    CHECK(parseDeviceNumber("k", "4095:1048575") == DeviceNumber{4095, 1048575});
    CHECK(blockPath({8, 0}) == "/dev/block/8:0");
    CHECK(toText(DeviceNumber{259, 3}) == "259:3");
    for (const char* text : {"", ":", "8", "8:", ":0", "8:0:1", "8:*", "-1:0", "8:0 ", " 8:0", "8:1048576", "4096:0",
                             "/dev/sda", "8:0\n", "8.0"}) {
        CAPTURE(text);
        CHECK_CODE(parseDeviceNumber("k", text), InvalidArgument);
    }
}

TEST_CASE("a rate of 0 is no limit, and a rate of 1 is refused") {
    CHECK(rateLimit(0, false) == kInfinity);
    CHECK(rateLimit(0, true) == kInfinity);
    CHECK(rateLimit(600, true) == 600);
    CHECK(rateLimit(UINT64_MAX - 1, false) == UINT64_MAX - 1);
    CHECK(rateLimit(4294967294, true) == 4294967294);
    // The kernel keeps operations in 32 bits, of which the highest number is "max".
    CHECK(rateLimit(4294967295, true) == kInfinity);
    CHECK(rateLimit(1ULL << 40, true) == kInfinity);
    CHECK_CODE(checkRate("k", {8, 0}, 1), InvalidArgument);
    CHECK_NOTHROW(checkRate("k", {8, 0}, 0));
    CHECK_NOTHROW(checkRate("k", {8, 0}, 2));
}
