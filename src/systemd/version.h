// SPDX-License-Identifier: LGPL-2.1-or-later
// The running systemd's version, from the text in PID 1's Version property.
#pragma once

#include <optional>
#include <string_view>

namespace scopewright::systemd {

struct Version {
    unsigned number = 0;
    unsigned patch = 0; ///< of the stable series; 0 if the text has none that can be read

    bool operator==(const Version&) const = default;
};

/// "252.39-1~deb12u2" → 252.39, "v245.4-1.fc32" → 245.4, "259~rc1" → 259.0. Anything without a leading number is
/// NotSupported.
Version parseVersion(std::string_view text);

/// What users of this systemd are known to be able to do to it if a delegated unit of theirs runs; nothing if nothing
/// is known. A distribution may have mended it without a new number.
std::optional<std::string_view> knownFlaw(const Version& version);

/// The number of the PID 1 that runs, asked on a connection of its own. It blocks: for the command line, where there
/// is no loop. An error if there is no system bus, or no PID 1 on it.
unsigned runningVersion();

/// The oldest systemd whose behaviour towards delegated scopes this daemon knows.
inline constexpr unsigned kOldestVersion = 247;

} // namespace scopewright::systemd
