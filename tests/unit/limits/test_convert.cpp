// SPDX-License-Identifier: LGPL-2.1-or-later
#include "limits/convert.h"

#include "catch.h"

#include <algorithm>
#include <cmath>
#include <map>

using namespace scopewright;
using namespace scopewright::limits;

TEST_CASE("shares become the weight that current runc and crun give") {
    const std::map<std::int64_t, std::uint64_t> table{
        {0, 1},       {1, 1},          {2, 1},          {3, 2},
        {10, 4},      {100, 17},       {512, 59},       {1000, 99},
        {1024, 100},  {2048, 174},     {4096, 303},     {8192, 532},
        {10000, 627}, {262143, 10000}, {262144, 10000}, {INT64_MAX, 10000}};
    for (const auto& [shares, weight] : table) {
        CAPTURE(shares);
        CHECK(sharesToWeight(shares) == weight);
    }
}

TEST_CASE("a weight never falls as shares rise, and is always one the kernel takes") {
    std::uint64_t before = 0;
    std::uint64_t beforeCompat = 0;
    for (std::int64_t shares = 0; shares <= 262144; shares += shares < 5000 ? 1 : 97) {
        const std::uint64_t weight = sharesToWeight(shares);
        const std::uint64_t compat = sharesToCompatWeight(shares);
        if (weight < before || weight < 1 || weight > 10000 || compat < beforeCompat || compat < 1 || compat > 10000) {
            CAPTURE(shares);
            FAIL("weight " << weight << ", compat weight " << compat);
        }
        before = weight;
        beforeCompat = compat;
    }
}

TEST_CASE("the compat weight is the one from which cAdvisor computes nearly the same shares") {
    CHECK(sharesToCompatWeight(512) == 20);
    CHECK(sharesToCompatWeight(1024) == 40);
    CHECK(sharesToCompatWeight(2) == 1);
    CHECK(sharesToCompatWeight(0) == 1);
    CHECK(sharesToCompatWeight(262144) == 10000);
    // cAdvisor's way back: 2 + (weight - 1) * 262142 / 9999.
    for (const std::int64_t shares : {2, 100, 512, 1024, 2048, 10000, 200000, 262144}) {
        CAPTURE(shares);
        const double back = 2 + (static_cast<double>(sharesToCompatWeight(shares)) - 1) * 262142 / 9999;
        CHECK(std::abs(back - static_cast<double>(shares)) <= 14);
    }
}

namespace {

struct SharesRow {
    std::int64_t shares;
    std::uint64_t linear; ///< of runc before 1.3.2 and others
    std::uint64_t quadratic;
    std::uint64_t pid1; ///< of CPUShares on cgroup v2, which nobody should send
    std::uint64_t compat;
    std::uint64_t shownOfLinear;
    std::uint64_t shownOfQuadratic;
    std::uint64_t shownOfCompat;
};

// clang-format off
constexpr SharesRow kShares[] = {
    {2,      1,     1,     1,     1,     2,      2,      2},
    {3,      1,     2,     1,     1,     2,      28,     2},
    {10,     1,     4,     1,     1,     2,      80,     2},
    {100,    4,     17,    9,     5,     80,     421,    106},
    {256,    10,    35,    25,    11,    237,    893,    264},
    {512,    20,    59,    50,    20,    500,    1522,   500},
    {1000,   39,    99,    97,    39,    998,    2571,   998},
    {1024,   39,    100,   100,   40,    998,    2597,   1024},
    {2000,   77,    170,   195,   77,    1994,   4432,   1994},
    {2048,   79,    174,   200,   79,    2046,   4537,   2046},
    {4096,   157,   303,   400,   157,   4091,   7919,   4091},
    {10240,  391,   639,   1000,  392,   10226,  16728,  10252},
    {65536,  2500,  3023,  6400,  2501,  65517,  79229,  65544},
    {262144, 10000, 10000, 10000, 10000, 262144, 262144, 262144},
};
// clang-format on

std::uint64_t linear(std::int64_t shares) {
    return static_cast<std::uint64_t>(1 + (shares - 2) * 9999 / 262142);
}
std::uint64_t pid1(std::int64_t shares) {
    return static_cast<std::uint64_t>(std::clamp<std::int64_t>(shares * 100 / 1024, 1, 10000));
}

} // namespace

TEST_CASE("shares are seen differently by every program, and each difference is known") {
    for (const SharesRow& row : kShares) {
        CAPTURE(row.shares);
        CHECK(linear(row.shares) == row.linear);
        CHECK(sharesToWeight(row.shares) == row.quadratic);
        CHECK(pid1(row.shares) == row.pid1);
        CHECK(sharesToCompatWeight(row.shares) == row.compat);
        CHECK(cadvisorShares(row.linear) == row.shownOfLinear);
        CHECK(cadvisorShares(row.quadratic) == row.shownOfQuadratic);
        CHECK(cadvisorShares(row.compat) == row.shownOfCompat);
    }
}

namespace {

struct QuotaRow {
    std::int64_t quota;
    std::int64_t period;
    unsigned version;
    std::uint64_t raw;
    std::uint64_t perSecond;
    std::int64_t mirrored;
    const char* cpuMax;
};

// clang-format off
constexpr QuotaRow kQuotas[] = {
    {50000,  100000,  255, 500000,  500000,  50000,  "50000 100000"},
    {50000,  100000,  256, 500000,  500000,  50000,  "50000 100000"},
    {123456, 100000,  255, 1234560, 1240000, 124000, "124000 100000"},
    {123456, 100000,  256, 1234560, 1234600, 123460, "123460 100000"},
    {20000,  25000,   255, 800000,  800000,  20000,  "20000 25000"},
    {33333,  100000,  255, 333330,  340000,  34000,  "34000 100000"},
    {999,    100000,  255, 9990,    10000,   1000,   "1000 100000"},
    {1500,   100000,  255, 15000,   20000,   2000,   "2000 100000"},
    {5000,   1000000, 255, 5000,    10000,   10000,  "10000 1000000"},
    {10,     10000,   255, 1000,    10000,   100,    "1000 100000"},
    {123457, 33333,   255, 3703747, 3710000, 123665, "123665 33333"},
    {-1,     50000,   255, 0,       kInfinity, -1,   "max 100000"},
};
// clang-format on

} // namespace

TEST_CASE("quota and period become what PID 1 is told, what a file of ours says, and what PID 1 writes") {
    for (const QuotaRow& row : kQuotas) {
        CAPTURE(row.quota, row.period, row.version);
        const std::uint64_t perSecond = quotaPerSecond(row.quota, row.period, row.version);
        CHECK(perSecond == row.perSecond);
        if (row.quota > 0)
            CHECK(static_cast<std::uint64_t>(row.quota) * 1000000 / static_cast<std::uint64_t>(row.period) == row.raw);
        CHECK(mirroredQuota(row.quota, row.period, perSecond) == row.mirrored);
        CHECK(cpuMaxOfPid1(perSecond, static_cast<std::uint64_t>(row.period)) == row.cpuMax);
    }
    CHECK(cpuMaxOfPid1(500000, 500) == "1000 2000");
    CHECK(cpuMaxOfPid1(500000, 2000000) == "500000 1000000");
    CHECK(cpuMaxOfPid1(1000, 100000) == "1000 1000000");
}

TEST_CASE("what PID 1 is told survives being told again") {
    for (unsigned version : {255U, 256U})
        for (std::int64_t quota = 1000; quota < 300000; quota += 337)
            for (std::int64_t period : {1000, 33333, 100000, 1000000}) {
                const std::uint64_t once = quotaPerSecond(quota, period, version);
                const std::uint64_t raw =
                    static_cast<std::uint64_t>(quota) * 1000000 / static_cast<std::uint64_t>(period);
                const std::uint64_t step = version < 256 ? 10000 : 100;
                if (once % step == 0 && once >= raw && once - raw < step) continue;
                CAPTURE(quota, period, version, once);
                FAIL("not the next step up");
            }
}

TEST_CASE("a quota is rounded up to what PID 1 keeps through a daemon-reload") {
    CHECK(quotaPerSecond(50000, 100000, 252) == 500000);
    CHECK(quotaPerSecond(50000, 100000, 256) == 500000);
    CHECK(quotaPerSecond(1000, 1000000, 252) == 10000);
    CHECK(quotaPerSecond(1000, 1000000, 256) == 1000);
    CHECK(quotaPerSecond(12345, 100000, 255) == 130000);
    CHECK(quotaPerSecond(12345, 100000, 256) == 123500);
    CHECK(quotaPerSecond(400000, 100000, 252) == 4000000);
    CHECK(quotaPerSecond(-1, 100000, 252) == kInfinity);
    CHECK(quotaPerSecond(INT64_MAX / 1000000, 1000, 252) % 10000 == 0);
}

TEST_CASE("memory and swap become swap alone, and 0 is a limit") {
    CHECK(swapAlone(268435456, 268435456) == 0U);
    CHECK(swapAlone(100, 300) == 200U);
    CHECK(swapAlone(100, -1) == kInfinity);
    CHECK(swapAlone(std::nullopt, -1) == kInfinity);
    CHECK(swapAlone(-1, -1) == kInfinity);
    CHECK(swapAlone(-1, 300) == 300U);
    CHECK(swapAlone(std::nullopt, std::nullopt) == std::nullopt);
    CHECK(swapAlone(100, std::nullopt) == std::nullopt);
    CHECK_CODE(swapAlone(300, 100), InvalidArgument);
    CHECK_CODE(swapAlone(std::nullopt, 100), InvalidArgument);
}

TEST_CASE("every pair of memory limit and swap sum has its answer") {
    constexpr std::int64_t kGiga = 1073741824;
    const auto unset = std::nullopt;
    CHECK(swapAlone(536870912, kGiga) == 536870912U);
    CHECK(swapAlone(536870912, 536870912) == 0U);
    CHECK(swapAlone(kGiga, -1) == kInfinity);
    // Unlimited memory means unlimited swap.
    CHECK(swapAlone(-1, unset) == kInfinity);
    CHECK(swapAlone(-1, kGiga) == static_cast<std::uint64_t>(kGiga));
    CHECK(swapAlone(kGiga, unset) == std::nullopt);
    CHECK_CODE(swapAlone(unset, kGiga), InvalidArgument);
    CHECK_CODE(swapAlone(kGiga, kGiga - 1), InvalidArgument);
}

TEST_CASE("on cgroup v1 the sum is written first when it grows, and last when it shrinks") {
    constexpr std::int64_t kMega = 1048576;
    CHECK(swapSumFirst(200 * kMega, 600 * kMega));
    CHECK_FALSE(swapSumFirst(500 * kMega, 200 * kMega));
    CHECK(swapSumFirst(500 * kMega, -1));
    CHECK_FALSE(swapSumFirst(-1, 600 * kMega));
}

TEST_CASE("the kernel counts in pages") {
    CHECK(wholePages(100000, 4096) == 98304);
    CHECK(wholePages(4095, 4096) == 0);
    CHECK(wholePages(kInfinity, 4096) == kInfinity);
}

TEST_CASE("infinity is written as max, everything else as a decimal", "[attack-29][attack-61]") {
    CHECK(limitText(kInfinity) == "max");
    CHECK(limitText(0) == "0");
    CHECK(limitText(9223372036854775807U) == "9223372036854775807");
    CHECK(unlimitedIfNegative(-1) == kInfinity);
    CHECK(unlimitedIfNegative(0) == 0);
}
