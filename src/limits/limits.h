// SPDX-License-Identifier: LGPL-2.1-or-later
// Resources by their dotted names: from D-Bus values and back, merged, checked.
#pragma once

#include "base/value.h"
#include "limits/resources.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace scopewright::limits {

/// One number of the model: its dotted name in the specification, where it is kept, and which numbers it takes.
struct Field {
    std::string_view key;
    std::optional<std::int64_t> Resources::*member;
    std::int64_t least;
    std::int64_t most;
    bool unlimited;   ///< -1 (and on D-Bus UINT64_MAX) is allowed too
    bool zeroIsUnset; ///< in JSON, where Go's zero values stand for what nobody set
};

inline constexpr std::int64_t kPage = 4096;

// clang-format off
inline constexpr std::array kFields{
    Field{"blockIO.leafWeight",  &Resources::blkioLeafWeight,   10,    1000,       false, true},
    Field{"blockIO.weight",      &Resources::blkioWeight,       10,    1000,       false, true},
    Field{"cpu.burst",           &Resources::cpuBurst,          0,     INT64_MAX / 1000000, false, false},
    Field{"cpu.idle",            &Resources::cpuIdle,           0,     1,          false, false},
    Field{"cpu.period",          &Resources::cpuPeriod,         1000,  1000000,    false, true},
    Field{"cpu.quota",           &Resources::cpuQuota,          1000,  INT64_MAX / 1000000, true, true},
    Field{"cpu.realtimePeriod",  &Resources::realtimePeriod,    1,     INT64_MAX,  false, true},
    Field{"cpu.realtimeRuntime", &Resources::realtimeRuntime,   1,     INT64_MAX,  true,  true},
    Field{"cpu.shares",          &Resources::cpuShares,         1,     INT64_MAX,  false, true},
    Field{"memory.kernel",       &Resources::memoryKernel,      kPage, INT64_MAX,  true,  true},
    Field{"memory.kernelTCP",    &Resources::memoryKernelTcp,   kPage, INT64_MAX,  true,  true},
    Field{"memory.limit",        &Resources::memoryLimit,       kPage, INT64_MAX,  true,  true},
    Field{"memory.reservation",  &Resources::memoryReservation, kPage, INT64_MAX,  true,  true},
    Field{"memory.swap",         &Resources::memorySwap,        kPage, INT64_MAX,  true,  true},
    Field{"memory.swappiness",   &Resources::memorySwappiness,  0,     100,        false, false},
    Field{"network.classID",     &Resources::networkClass,      0,     UINT32_MAX, false, false},
    Field{"pids.limit",          &Resources::pidsLimit,         0,     4194304,    true,  false},
};
// clang-format on

struct Flag {
    std::string_view key;
    std::optional<bool> Resources::*member;
};
inline constexpr std::array kFlags{
    Flag{"memory.checkBeforeUpdate", &Resources::checkBeforeUpdate},
    Flag{"memory.disableOOMKiller", &Resources::disableOomKiller},
    Flag{"memory.useHierarchy", &Resources::useHierarchy},
};

struct ListField {
    std::string_view key;
    std::optional<std::string> Resources::*member;
};
inline constexpr std::array kLists{
    ListField{"cpu.cpus", &Resources::cpus},
    ListField{"cpu.mems", &Resources::mems},
};

struct RateField {
    std::string_view key;
    std::optional<Rates> Resources::*member;
};
inline constexpr std::array kRates{
    RateField{"blockIO.throttleReadBpsDevice", &Resources::readBps},
    RateField{"blockIO.throttleReadIOPSDevice", &Resources::readIops},
    RateField{"blockIO.throttleWriteBpsDevice", &Resources::writeBps},
    RateField{"blockIO.throttleWriteIOPSDevice", &Resources::writeIops},
};

/// True for a key of the specification.
bool isResourceKey(std::string_view key);

/// All of them, sorted.
const std::vector<std::string_view>& resourceKeys();

/// Sets one field from a D-Bus value. InvalidArgument and PropertyNotAllowed name the key and the value.
///
///     numbers (kFields)        x, t, i, u        blockIO.weightDevice  a(st)  "8:16", 10..1000; 0: the default again
///     booleans (kFlags)        b                 blockIO.throttle…     a(st)  "8:0", rate; 0: no limit
///     cpu.cpus, cpu.mems       s  "0-3,8"        hugepageLimits        a(st)  "2MB", bytes; UINT64_MAX: no limit
///     unified                  a{ss} or a(ss)    network.priorities    a(st)  "eth0", priority
///     rdma                     a{ss} or a(ss)    "mlx5_0", "hca_handle=2 hca_object=max"
///     devices                  a(ss)             "allow|deny a|b|c [MAJOR|*:MINOR|*]", "rwm"; in order
///
/// An empty list or text takes back what was set before; `merge` turns that into values.
void set(Resources& resources, std::string_view key, const Value& value);

/// `base` with what `update` names. Numbers, texts and the list of device rules are replaced; what is kept by device,
/// page size, interface or file is replaced one by one, and an empty list lifts every limit it had. The entries that
/// lift something stay in the result, so that a plan for it undoes what an earlier one did.
Resources merge(const Resources& base, const Resources& update);

/// What one field alone cannot tell, such as memory.swap against memory.limit.
struct Conflict {
    std::string key;
    std::string message;
};
std::vector<Conflict> conflicts(const Resources& resources);

/// InvalidArgument with the first of them.
void checkTogether(const Resources& resources);

/// memory.checkBeforeUpdate: WouldKill when a new limit is not above what is in use; `usage` is memory.current.
void checkUsage(const Resources& update, std::uint64_t usage);

/// As a(sv)/a{sv}: the keys that are set, in the types above.
Properties toProperties(const Resources& resources);

/// For records: JSON of what is set, free of blanks and line breaks; empty when nothing is set.
std::string toText(const Resources& resources);
/// The way back; nothing if the text is not one that toText() makes.
std::optional<Resources> fromText(std::string_view text);

} // namespace scopewright::limits
