// SPDX-License-Identifier: LGPL-2.1-or-later
// Which systemd takes which property on a transient scope, and what is done where it does not. The only place where a
// systemd version matters; the numbers are those of systemd.resource-control(5) and of PID 1's own source.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace scopewright::limits {

/// What is done where PID 1 has no property for it, or not yet.
enum class Fallback {
    LeafFile,  ///< the file in our payload group, which PID 1 never writes
    ScopeFile, ///< the file in the scope: it only counts there, and PID 1 does not write it where it lacks the property
    Refuse,    ///< not in force; told as skipped, an error in a strict request
    Ignore,    ///< nothing has to be set for it
};

enum class Change { Live, StartOnly };

struct PropertyRule {
    std::string_view key;       ///< resource; "unified.<file>" where only unified has it
    std::string_view property;  ///< unit property; empty if PID 1 models no such thing
    std::string_view signature; ///< its D-Bus type
    unsigned since;             ///< the first systemd that takes it
    Change change;
    Fallback fallback;
    std::string_view file; ///< of control groups v2; what depends on the page size is "hugetlb.*.max"
};

// clang-format off
inline constexpr std::array kProperties{
    PropertyRule{"blockIO.leafWeight",              "",                   "",      0,   Change::Live, Fallback::Refuse,    ""},
    PropertyRule{"blockIO.throttleReadBpsDevice",   "IOReadBandwidthMax", "a(st)", 230, Change::Live, Fallback::LeafFile,  "io.max"},
    PropertyRule{"blockIO.throttleReadIOPSDevice",  "IOReadIOPSMax",      "a(st)", 230, Change::Live, Fallback::LeafFile,  "io.max"},
    PropertyRule{"blockIO.throttleWriteBpsDevice",  "IOWriteBandwidthMax", "a(st)", 230, Change::Live, Fallback::LeafFile, "io.max"},
    PropertyRule{"blockIO.throttleWriteIOPSDevice", "IOWriteIOPSMax",     "a(st)", 230, Change::Live, Fallback::LeafFile,  "io.max"},
    PropertyRule{"blockIO.weight",                  "IOWeight",           "t",     230, Change::Live, Fallback::ScopeFile, "io.weight"},
    PropertyRule{"blockIO.weightDevice",            "IODeviceWeight",     "a(st)", 230, Change::Live, Fallback::ScopeFile, "io.weight"},
    PropertyRule{"cpu.burst",                       "",                   "",      0,   Change::Live, Fallback::ScopeFile, "cpu.max.burst"},
    PropertyRule{"cpu.cpus",                        "AllowedCPUs",        "ay",    244, Change::Live, Fallback::LeafFile,  "cpuset.cpus"},
    PropertyRule{"cpu.idle",                        "CPUWeight",          "t",     252, Change::Live, Fallback::LeafFile,  "cpu.idle"},
    PropertyRule{"cpu.mems",                        "AllowedMemoryNodes", "ay",    244, Change::Live, Fallback::LeafFile,  "cpuset.mems"},
    PropertyRule{"cpu.period",                      "CPUQuotaPeriodUSec", "t",     242, Change::Live, Fallback::LeafFile,  "cpu.max"},
    PropertyRule{"cpu.quota",                       "CPUQuotaPerSecUSec", "t",     213, Change::Live, Fallback::LeafFile,  "cpu.max"},
    PropertyRule{"cpu.realtimePeriod",              "",                   "",      0,   Change::Live, Fallback::Refuse,    ""},
    PropertyRule{"cpu.realtimeRuntime",             "",                   "",      0,   Change::Live, Fallback::Refuse,    ""},
    PropertyRule{"cpu.shares",                      "CPUWeight",          "t",     232, Change::Live, Fallback::LeafFile,  "cpu.weight"},
    PropertyRule{"devices",                         "DevicePolicy",       "s",     205, Change::Live, Fallback::Refuse,    ""},
    PropertyRule{"devices",                         "DeviceAllow",        "a(ss)", 205, Change::Live, Fallback::Refuse,    ""},
    PropertyRule{"hugepageLimits",                  "",                   "",      0,   Change::Live, Fallback::LeafFile,  "hugetlb.*.max"},
    PropertyRule{"memory.checkBeforeUpdate",        "",                   "",      0,   Change::Live, Fallback::Ignore,    ""},
    PropertyRule{"memory.disableOOMKiller",         "",                   "",      0,   Change::Live, Fallback::Refuse,    ""},
    PropertyRule{"memory.kernel",                   "",                   "",      0,   Change::Live, Fallback::Refuse,    ""},
    PropertyRule{"memory.kernelTCP",                "",                   "",      0,   Change::Live, Fallback::Refuse,    ""},
    PropertyRule{"memory.limit",                    "MemoryMax",          "t",     231, Change::Live, Fallback::LeafFile,  "memory.max"},
    PropertyRule{"memory.reservation",              "MemoryLow",          "t",     231, Change::Live, Fallback::LeafFile,  "memory.low"},
    PropertyRule{"memory.swap",                     "MemorySwapMax",      "t",     232, Change::Live, Fallback::LeafFile,  "memory.swap.max"},
    PropertyRule{"memory.swappiness",               "",                   "",      0,   Change::Live, Fallback::Refuse,    ""},
    PropertyRule{"memory.useHierarchy",             "",                   "",      0,   Change::Live, Fallback::Refuse,    ""},
    PropertyRule{"network.classID",                 "",                   "",      0,   Change::Live, Fallback::Refuse,    ""},
    PropertyRule{"network.priorities",              "",                   "",      0,   Change::Live, Fallback::Refuse,    ""},
    PropertyRule{"pids.limit",                      "TasksMax",           "t",     227, Change::Live, Fallback::LeafFile,  "pids.max"},
    PropertyRule{"rdma",                            "",                   "",      0,   Change::Live, Fallback::LeafFile,  "rdma.max"},
    PropertyRule{"unified",                         "",                   "",      0,   Change::Live, Fallback::LeafFile,  "*"},
    PropertyRule{"unified.io.latency", "IODeviceLatencyTargetUSec",       "a(st)", 240, Change::Live, Fallback::LeafFile,  "io.latency"},
    PropertyRule{"unified.memory.high",             "MemoryHigh",         "t",     231, Change::Live, Fallback::LeafFile,  "memory.high"},
    PropertyRule{"unified.memory.min",              "MemoryMin",          "t",     240, Change::Live, Fallback::LeafFile,  "memory.min"},
    PropertyRule{"unified.memory.oom.group",        "OOMPolicy",          "s",     253, Change::StartOnly, Fallback::LeafFile, "memory.oom.group"},
    PropertyRule{"unified.memory.zswap.max",        "MemoryZSwapMax",     "t",     253, Change::Live, Fallback::LeafFile,  "memory.zswap.max"},
    PropertyRule{"unified.memory.zswap.writeback",  "MemoryZSwapWriteback", "b",   256, Change::Live, Fallback::LeafFile,  "memory.zswap.writeback"},
};
// clang-format on
static_assert(std::ranges::is_sorted(kProperties, {}, &PropertyRule::key));
static_assert(std::ranges::all_of(kProperties,
                                  [](const PropertyRule& rule) {
                                      const bool file =
                                          rule.fallback == Fallback::LeafFile || rule.fallback == Fallback::ScopeFile;
                                      return file == !rule.file.empty();
                                  }),
              "a file stands where the fallback is one");
static_assert(std::ranges::all_of(kProperties,
                                  [](const PropertyRule& rule) {
                                      return rule.property.empty() == rule.signature.empty() &&
                                             rule.property.empty() == (rule.since == 0);
                                  }),
              "a property has a type and a first version");

/// The first row of `key`; there is one.
const PropertyRule& rule(std::string_view key);

/// The row whose file this is, if there is exactly one such.
const PropertyRule* ruleOfFile(std::string_view file);

struct Feature {
    std::string_view name;
    unsigned since;
    std::string_view what;
};

/// Behaviours of PID 1 that the code asks for by name.
// clang-format off
inline constexpr Feature kAttachProcesses{"AttachProcessesToUnit", 238, "takes processes into a running scope"};
inline constexpr Feature kBfqFormula{"BFQFormula", 250, "IOWeight 1..10000 becomes BFQ's 1..1000 in two straight lines"};
inline constexpr Feature kBfqPerDevice{"BFQPerDevice", 251, "IODeviceWeight reaches io.bfq.weight too"};
inline constexpr Feature kBfqRaw{"BFQRaw", 243, "IOWeight is written to io.bfq.weight as it is"};
inline constexpr Feature kBfqTenth{"BFQTenth", 248, "a tenth of IOWeight is written to io.bfq.weight"};
inline constexpr Feature kDelegateCpuset{"DelegateCpuset", 244, "Delegate=yes includes cpuset"};
inline constexpr Feature kDeviceNumbers{"DeviceNumbers", 240, "DeviceAllow takes numbers of devices that have no node"};
inline constexpr Feature kFineQuota{"FineQuota", 256, "CPUQuota is kept in hundredths of a percent"};
inline constexpr Feature kFreezeUnit{"FreezeUnit", 246, "freezes a unit"};
inline constexpr Feature kMemoryLowZero{"MemoryLowZero", 243, "takes MemoryLow=0 and MemoryMin=0"};
inline constexpr Feature kPidFds{"PIDFDs", 255, "takes processes by descriptor"};
inline constexpr Feature kSwapZero{"SwapZero", 239, "takes MemorySwapMax=0"};
inline constexpr Feature kTasksMaxKept{"TasksMaxKept", 247, "keeps TasksMax of a scope through daemon-reload"};

inline constexpr std::array kFeatures{
    kAttachProcesses, kBfqFormula, kBfqPerDevice, kBfqRaw, kBfqTenth, kDelegateCpuset, kDeviceNumbers, kFineQuota,
    kFreezeUnit, kMemoryLowZero, kPidFds, kSwapZero, kTasksMaxKept,
};
// clang-format on
static_assert(std::ranges::is_sorted(kFeatures, {}, &Feature::name));

constexpr bool available(const Feature& feature, unsigned systemdVersion) {
    return systemdVersion >= feature.since;
}

constexpr bool available(const PropertyRule& rule, unsigned systemdVersion) {
    return !rule.property.empty() && systemdVersion >= rule.since;
}

/// Both tables as text, one row a line, columns by blanks. With a version, each row says first whether that systemd has
/// it: "yes" or "no", "-" where PID 1 has no part in it; without (0) that column is missing.
std::string tables(unsigned systemdVersion);

} // namespace scopewright::limits
