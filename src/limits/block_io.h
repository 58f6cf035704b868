// SPDX-License-Identifier: LGPL-2.1-or-later
// Block devices, their weights and rates: OCI's numbers in PID 1's and the kernel's terms.
#pragma once

#include "limits/resources.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace scopewright::limits {

/// "8:0". InvalidArgument names `key` and the text.
DeviceNumber parseDeviceNumber(std::string_view key, std::string_view text);
/// Throws unless the numbers are ones a device can have.
DeviceNumber checkDeviceNumber(std::string_view key, std::uint64_t major, std::uint64_t minor);

std::string toText(DeviceNumber device);

/// "/dev/block/8:0": PID 1 takes "8:0" for a path too, but can never resolve it.
std::string blockPath(DeviceNumber device);
/// The device of a path that blockPath() made.
DeviceNumber deviceAt(std::string_view blockPath);

/// OCI weight (10..1000) to io.weight as runc writes it: 500 → 4950.
std::uint64_t linearIoWeight(std::uint64_t weight);

/// BFQ weight to the IOWeight from which PID 1 (250 and later) makes that BFQ weight again: 300 → 2300.
std::uint64_t bfqToIoWeight(std::uint64_t weight);
/// PID 1's own way: 2300 → 300.
std::uint64_t ioToBfqWeight(std::uint64_t weight);

/// The IOWeight to send for an OCI weight, so that the disks that BFQ schedules get exactly the OCI number.
std::uint64_t ioWeightFor(std::uint64_t weight, unsigned systemdVersion);

/// OCI's 0, no limit, is infinity. The kernel caps operations per second at 32 bits and takes that for no limit.
std::uint64_t rateLimit(std::uint64_t rate, bool operations);
/// The kernel refuses 1, which v1 took.
void checkRate(std::string_view key, DeviceNumber device, std::uint64_t rate);

} // namespace scopewright::limits
