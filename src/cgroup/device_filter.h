// SPDX-License-Identifier: LGPL-2.1-or-later
// Which devices the processes of a group may use: an ordered list of rules, which the kernel enforces as a BPF program.
#pragma once

#include "cgroup/group.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

struct bpf_insn;

namespace scopewright::cgroup {

/// What is asked of a device, and what a rule speaks of; the numbers are the kernel's.
inline constexpr unsigned kDeviceMknod = 1;
inline constexpr unsigned kDeviceRead = 2;
inline constexpr unsigned kDeviceWrite = 4;
inline constexpr unsigned kDeviceAll = kDeviceMknod | kDeviceRead | kDeviceWrite;

struct DeviceRule {
    bool allow = false;
    char type = 'a';                    ///< 'b' block, 'c' character, 'a' both
    std::optional<std::uint32_t> major; ///< nothing: any
    std::optional<std::uint32_t> minor; ///< nothing: any
    unsigned access = kDeviceAll;       ///< at least one of the above
};

/// A longer list is refused: each open of a device walks it.
inline constexpr std::size_t kMostDeviceRules = 1024;

/// The program for a list. For each access that is asked for, the last rule decides that matches the device and names
/// that access; what no rule names is denied. A request is allowed if every access in it is: "deny w" after "allow rwm"
/// refuses O_RDWR, and "allow r" and "allow w" together permit it. Throws InvalidArgument and LimitsExceeded.
std::vector<bpf_insn> assembleDeviceFilter(const std::vector<DeviceRule>& rules);

/// Puts the rules in force for the group and everything below it, in place of those that were there, in one step: at no
/// moment is there no filter, nor a mixture of two. The filters of groups above hold as well; it ends with the group.
/// While it is there, nobody can attach a program to a group below. On return it is in force; on an error what was
/// there before is: NotSupported if the kernel or our privileges do not suffice, Busy if another program is in the way.
void applyDeviceFilter(const Group& group, const std::vector<DeviceRule>& rules);

/// Whether the group itself has a filter that was made by applyDeviceFilter, in this process or an earlier one.
bool hasDeviceFilter(const Group& group);

/// Whether any device program is attached to the group itself, PID 1's for one; nothing if the kernel does not tell us,
/// which takes CAP_NET_ADMIN, or the group is gone.
std::optional<bool> hasAnyDeviceFilter(const Group& group);

/// False if there was none.
bool removeDeviceFilter(const Group& group);

/// Why there can be no filter here, in words for a user; empty if there can.
std::string deviceFilterObstacle();

} // namespace scopewright::cgroup
