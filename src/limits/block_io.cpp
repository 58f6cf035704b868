// SPDX-License-Identifier: LGPL-2.1-or-later
#include "limits/block_io.h"

#include "limits/properties.h"
#include "limits/text.h"

namespace scopewright::limits {

namespace {

/// How many bits the kernel has for each half of a device's number.
constexpr std::uint64_t kMostMajor = (1U << 12) - 1;
constexpr std::uint64_t kMostMinor = (1U << 20) - 1;

} // namespace

DeviceNumber checkDeviceNumber(std::string_view key, std::uint64_t major, std::uint64_t minor) {
    if (major > kMostMajor || minor > kMostMinor)
        refuse(key, std::to_string(major) + ":" + std::to_string(minor),
               "is beyond " + std::to_string(kMostMajor) + ":" + std::to_string(kMostMinor));
    return {static_cast<std::uint32_t>(major), static_cast<std::uint32_t>(minor)};
}

DeviceNumber parseDeviceNumber(std::string_view key, std::string_view text) {
    const std::size_t colon = text.find(':');
    const std::optional<std::uint64_t> major = parseNumber(text.substr(0, colon));
    const std::optional<std::uint64_t> minor =
        colon == std::string_view::npos ? std::nullopt : parseNumber(text.substr(colon + 1));
    if (!major || !minor) refuse(key, text, "is no device such as 8:0");
    return checkDeviceNumber(key, *major, *minor);
}

std::string toText(DeviceNumber device) {
    return std::to_string(device.major) + ":" + std::to_string(device.minor);
}

std::string blockPath(DeviceNumber device) {
    return "/dev/block/" + toText(device);
}

DeviceNumber deviceAt(std::string_view blockPath) {
    return parseDeviceNumber(blockPath, blockPath.substr(blockPath.rfind('/') + 1));
}

std::uint64_t linearIoWeight(std::uint64_t weight) {
    return 1 + (weight - 10) * 9999 / 990;
}

std::uint64_t bfqToIoWeight(std::uint64_t weight) {
    return weight <= 100 ? weight : 100 + (weight - 100) * 9900 / 900;
}

std::uint64_t ioToBfqWeight(std::uint64_t weight) {
    return weight <= 100 ? weight : 100 + (weight - 100) * 900 / 9900;
}

std::uint64_t ioWeightFor(std::uint64_t weight, unsigned systemdVersion) {
    if (available(kBfqFormula, systemdVersion)) return bfqToIoWeight(weight);
    if (available(kBfqTenth, systemdVersion)) return 10 * weight;
    if (available(kBfqRaw, systemdVersion)) return weight;
    // No BFQ number comes of it there; what is left is the number others write to io.weight.
    return weight < 10 ? 1 : linearIoWeight(weight);
}

std::uint64_t rateLimit(std::uint64_t rate, bool operations) {
    return rate == 0 || (operations && rate >= UINT32_MAX) ? kInfinity : rate;
}

void checkRate(std::string_view key, DeviceNumber device, std::uint64_t rate) {
    if (rate == 1) refuse(key, toText(device) + " 1", "is a rate that the kernel refuses: 0 is no limit, 2 the least");
}

} // namespace scopewright::limits
