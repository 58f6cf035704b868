// SPDX-License-Identifier: LGPL-2.1-or-later
// The resource model: what a caller asks for, in the words and units of OCI runtime-spec 1.3 `linux.resources`. A field
// without value was not named, which is not the same as 0.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace scopewright::limits {

/// What D-Bus, PID 1 and (as "max") the kernel call infinity.
inline constexpr std::uint64_t kInfinity = UINT64_MAX;

struct DeviceNumber {
    std::uint32_t major = 0;
    std::uint32_t minor = 0;

    auto operator<=>(const DeviceNumber&) const = default;
};

/// 0: back to the default. Nothing but a kernel before 5.0 has leaf weights; they are kept to be told as skipped.
struct DeviceWeight {
    std::uint16_t weight = 0;
    std::uint16_t leafWeight = 0;

    bool operator==(const DeviceWeight&) const = default;
};

/// UINT32_MAX is "max".
struct RdmaLimit {
    std::optional<std::uint32_t> handles;
    std::optional<std::uint32_t> objects;

    bool operator==(const RdmaLimit&) const = default;
};

/// One of an ordered list. Type 'a' is every device; a number that is not there is '*'.
struct DeviceRule {
    bool allow = false;
    char type = 'a';
    std::optional<std::uint32_t> major;
    std::optional<std::uint32_t> minor;
    std::string access; ///< of "rwm", in this order

    bool operator==(const DeviceRule&) const = default;
};

/// Bytes or operations per second, by device; 0 is no limit.
using Rates = std::map<DeviceNumber, std::uint64_t>;

struct Resources {
    std::optional<std::int64_t> memoryLimit;       ///< bytes, -1 unlimited
    std::optional<std::int64_t> memoryReservation; ///< bytes, -1 unlimited
    std::optional<std::int64_t> memorySwap;        ///< bytes of memory plus swap, -1 unlimited
    std::optional<std::int64_t> memoryKernel;      ///< bytes, -1 unlimited
    std::optional<std::int64_t> memoryKernelTcp;   ///< bytes, -1 unlimited
    std::optional<std::int64_t> memorySwappiness;  ///< 0..100
    std::optional<bool> disableOomKiller;
    std::optional<bool> useHierarchy;
    std::optional<bool> checkBeforeUpdate;

    std::optional<std::int64_t> cpuShares; ///< relative weight, 2..262144
    std::optional<std::int64_t> cpuQuota;  ///< µs per period, -1 unlimited
    std::optional<std::int64_t> cpuPeriod; ///< µs
    std::optional<std::int64_t> cpuBurst;  ///< µs
    std::optional<std::int64_t> cpuIdle;   ///< 0 or 1
    std::optional<std::int64_t> realtimeRuntime;
    std::optional<std::int64_t> realtimePeriod;
    std::optional<std::string> cpus; ///< a list as the kernel prints it; empty: back to what the parent has
    std::optional<std::string> mems;

    std::optional<std::int64_t> pidsLimit; ///< tasks, -1 unlimited

    std::optional<std::int64_t> blkioWeight;     ///< 10..1000
    std::optional<std::int64_t> blkioLeafWeight; ///< 10..1000
    std::optional<std::map<DeviceNumber, DeviceWeight>> weightDevice;
    std::optional<Rates> readBps;
    std::optional<Rates> writeBps;
    std::optional<Rates> readIops;
    std::optional<Rates> writeIops;

    std::optional<std::map<std::string, std::uint64_t>> hugepages; ///< bytes by page size ("2MB"), kInfinity unlimited
    std::optional<std::map<std::string, RdmaLimit>> rdma;          ///< by device
    std::optional<std::int64_t> networkClass;
    std::optional<std::map<std::string, std::uint32_t>> networkPriorities; ///< by interface
    std::optional<std::vector<DeviceRule>> devices;                        ///< empty: no rules at all
    std::optional<std::map<std::string, std::string>> unified; ///< by file, values as our own parsers print them

    bool operator==(const Resources&) const = default;
};

/// Resources that stay as they are, held once by all who were given the same. Most groups have none, and those take no
/// room at all: there can be thousands.
class SharedResources {
public:
    SharedResources() : value_(none()) {}
    SharedResources(Resources value)
        : value_(value == Resources() ? none() : std::make_shared<const Resources>(std::move(value))) {}

    operator const Resources&() const noexcept { return *value_; }

private:
    static const std::shared_ptr<const Resources>& none() {
        static const std::shared_ptr<const Resources> nothing = std::make_shared<const Resources>();
        return nothing;
    }

    std::shared_ptr<const Resources> value_;
};

} // namespace scopewright::limits
