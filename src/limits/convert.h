// SPDX-License-Identifier: LGPL-2.1-or-later
// OCI numbers to cgroup v2 and systemd numbers, where the two are not the same. Pure functions.
#pragma once

#include "limits/resources.h"
#include "limits/text.h"

#include <cstdint>
#include <optional>
#include <string>

namespace scopewright::limits {

/// The period the kernel and PID 1 assume: 100 ms.
inline constexpr std::int64_t kDefaultPeriod = 100000;

/// CPU shares (2..262144, larger is clamped) to cpu.weight (1..10000) as runc ≥ 1.3.2 and crun ≥ 1.23 do: 1024 → 100.
std::uint64_t sharesToWeight(std::int64_t shares);

/// CPU shares to the cpu.weight that cAdvisor, whose way back is linear, shows as nearly those shares: 1024 → 40.
std::uint64_t sharesToCompatWeight(std::int64_t shares);

/// cAdvisor's way back: 40 → 1024, 100 → 2597.
std::uint64_t cadvisorShares(std::uint64_t weight);

/// Quota per period (µs) to PID 1's µs per second, rounded up to what survives its daemon-reload: PID 1 keeps whole
/// percents, from version 256 on hundredths of them. A negative quota is infinity.
std::uint64_t quotaPerSecond(std::int64_t quota, std::int64_t period, unsigned systemdVersion);

/// The quota per period that agrees with a rounded `perSecond`; the one asked for where nothing was rounded.
std::int64_t mirroredQuota(std::int64_t quota, std::int64_t period, std::uint64_t perSecond);

/// cpu.max: "50000 100000"; a negative quota is "max".
std::string cpuMaxText(std::int64_t quota, std::int64_t period);

/// What PID 1 writes to cpu.max: it keeps the period within the kernel's bounds, stretches it for a tiny quota, and
/// forgets it without one.
std::string cpuMaxOfPid1(std::uint64_t perSecond, std::uint64_t period);

/// OCI's memory+swap sum to cgroup v2's swap alone. Nothing: not to be set. Throws InvalidArgument when the sum is
/// smaller than the memory limit, or there is no limit to subtract.
std::optional<std::uint64_t> swapAlone(std::optional<std::int64_t> limit, std::optional<std::int64_t> sum);

/// On cgroup v1 the sum may never be below the limit: whether memory.memsw.limit_in_bytes is written before
/// memory.limit_in_bytes, whose value is still `currentLimit`.
bool swapSumFirst(std::int64_t currentLimit, std::int64_t newSum);

/// What the kernel makes of a number of bytes: whole pages.
std::uint64_t wholePages(std::uint64_t bytes, std::uint64_t pageSize);

/// OCI's -1 (any negative) is infinity.
std::uint64_t unlimitedIfNegative(std::int64_t value);

/// PID 1 refuses TasksMax=0; one task is the least it can be told.
std::uint64_t tasksMax(std::uint64_t limit);

} // namespace scopewright::limits
