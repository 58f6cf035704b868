// SPDX-License-Identifier: LGPL-2.1-or-later
// Device rules: OCI's ordered list as a default with exceptions, and that as DevicePolicy and DeviceAllow.
#pragma once

#include "limits/resources.h"

#include <compare>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace scopewright::limits {

/// ("allow c 1:3", "rwm"); ("deny a", ""). InvalidArgument names what is wrong.
DeviceRule parseDeviceRule(std::string_view rule, std::string_view access);
/// Throws unless such a rule can be carried out; puts the letters of `access` in order.
void checkDeviceRule(DeviceRule& rule);
/// "allow c 1:3"
std::string toText(const DeviceRule& rule);

/// Type 'b' or 'c'; a number that is not there is every number.
struct DeviceSet {
    char type = 'c';
    std::optional<std::uint32_t> major;
    std::optional<std::uint32_t> minor;

    auto operator<=>(const DeviceSet&) const = default;
};

/// The letters of "rwm" as bits, as BPF has them (BPF_DEVCG_ACC_*).
inline constexpr unsigned kMknod = 1;
inline constexpr unsigned kRead = 2;
inline constexpr unsigned kWrite = 4;
unsigned accessBits(std::string_view access);
std::string accessText(unsigned bits);

/// What the rules come to, the last rule that names a device and an access deciding: of an allowed default,
/// `exceptions` says what is denied, of a denied one what is allowed.
struct DeviceFilter {
    bool allowByDefault = false;
    std::map<DeviceSet, unsigned> exceptions;
    /// The rule that cuts a hole into what an earlier one covers with '*', if any: no list of exceptions can say that,
    /// and this one does not.
    std::string hole;

    bool operator==(const DeviceFilter&) const = default;
};

/// The default before the first rule is that nothing is allowed; without any rule everything is.
DeviceFilter emulate(const std::vector<DeviceRule>& rules);

/// What PID 1 can be told of a filter. Where that is not all of it, what is said here allows more, never less: each of
/// the programs on the way up has to allow, so a program of our own can only take away.
struct DeviceProperties {
    std::string policy; ///< "strict" or "auto"
    std::vector<std::pair<std::string, std::string>> allow;
    bool exact = true; ///< false: it takes a program of our own besides
};
DeviceProperties toDeviceProperties(const DeviceFilter& filter, unsigned systemdVersion);

/// A list that allows everything. On a running scope "auto" without a list is taken, and the program that is there
/// stays: PID 1 does not look at the devices of a unit that has no wishes for them.
std::vector<std::pair<std::string, std::string>> everyDevice();

} // namespace scopewright::limits
