// SPDX-License-Identifier: LGPL-2.1-or-later
#include "limits/convert.h"

#include "base/error.h"
#include "limits/properties.h"

#include <algorithm>
#include <cmath>

namespace scopewright::limits {

namespace {

constexpr std::int64_t kLeastShares = 2;
constexpr std::int64_t kMostShares = 262144;
constexpr std::int64_t kMostWeight = 10000;
constexpr std::uint64_t kSecond = 1000000;
constexpr std::uint64_t kLeastQuota = 1000;
constexpr std::uint64_t kLeastPeriod = 1000;
constexpr std::uint64_t kMostPeriod = 1000000;

} // namespace

std::uint64_t sharesToWeight(std::int64_t shares) {
    if (shares <= kLeastShares) return 1;
    if (shares >= kMostShares) return static_cast<std::uint64_t>(kMostWeight);
    // The quadratic through (2, 1), (1024, 100) and (262144, 10000) on a logarithmic scale.
    const double l = std::log2(static_cast<double>(shares));
    return static_cast<std::uint64_t>(std::ceil(std::pow(10, (l * l + 125 * l) / 612.0 - 7.0 / 34.0)));
}

std::uint64_t sharesToCompatWeight(std::int64_t shares) {
    if (shares <= kLeastShares) return 1;
    if (shares >= kMostShares) return static_cast<std::uint64_t>(kMostWeight);
    constexpr std::int64_t kSpan = kMostShares - kLeastShares;
    const std::int64_t weight = 1 + ((shares - kLeastShares) * (kMostWeight - 1) + kSpan / 2) / kSpan;
    return static_cast<std::uint64_t>(std::clamp<std::int64_t>(weight, 1, kMostWeight));
}

std::uint64_t cadvisorShares(std::uint64_t weight) {
    return 2 + (weight - 1) * (kMostShares - kLeastShares) / (kMostWeight - 1);
}

std::uint64_t quotaPerSecond(std::int64_t quota, std::int64_t period, unsigned systemdVersion) {
    if (quota < 0) return kInfinity;
    const std::uint64_t raw = static_cast<std::uint64_t>(quota) * kSecond / static_cast<std::uint64_t>(period);
    const std::uint64_t step = available(kFineQuota, systemdVersion) ? 100 : 10000;
    return (raw + step - 1) / step * step;
}

std::int64_t mirroredQuota(std::int64_t quota, std::int64_t period, std::uint64_t perSecond) {
    if (quota < 0) return quota;
    const std::uint64_t length = static_cast<std::uint64_t>(period);
    if (static_cast<std::uint64_t>(quota) * kSecond / length == perSecond) return quota;
    return static_cast<std::int64_t>(perSecond * length / kSecond);
}

std::string cpuMaxText(std::int64_t quota, std::int64_t period) {
    return limitText(unlimitedIfNegative(quota)) + " " + std::to_string(period);
}

std::string cpuMaxOfPid1(std::uint64_t perSecond, std::uint64_t period) {
    if (perSecond == kInfinity) return "max " + std::to_string(kDefaultPeriod);
    const std::uint64_t stretched =
        std::min(std::max({period, kLeastPeriod, kLeastQuota * kSecond / perSecond}), kMostPeriod);
    return std::to_string(std::max(perSecond * stretched / kSecond, kLeastQuota)) + " " + std::to_string(stretched);
}

std::optional<std::uint64_t> swapAlone(std::optional<std::int64_t> limit, std::optional<std::int64_t> sum) {
    if (!sum) return limit && *limit < 0 ? std::optional(kInfinity) : std::nullopt;
    if (*sum < 0) return kInfinity;
    if (limit && *limit < 0) return static_cast<std::uint64_t>(*sum);
    if (!limit)
        throw Error(ErrorCode::InvalidArgument, "memory.swap is memory plus swap and needs memory.limit beside it");
    if (*sum < *limit)
        throw Error(ErrorCode::InvalidArgument, "memory.swap " + std::to_string(*sum) +
                                                    " (memory plus swap) is less than memory.limit " +
                                                    std::to_string(*limit));
    return static_cast<std::uint64_t>(*sum - *limit);
}

bool swapSumFirst(std::int64_t currentLimit, std::int64_t newSum) {
    return newSum < 0 || (currentLimit >= 0 && newSum > currentLimit);
}

std::uint64_t wholePages(std::uint64_t bytes, std::uint64_t pageSize) {
    return bytes == kInfinity ? bytes : bytes / pageSize * pageSize;
}

std::uint64_t unlimitedIfNegative(std::int64_t value) {
    return value < 0 ? kInfinity : static_cast<std::uint64_t>(value);
}

std::uint64_t tasksMax(std::uint64_t limit) {
    return limit == 0 ? 1 : limit;
}

} // namespace scopewright::limits
