// SPDX-License-Identifier: LGPL-2.1-or-later
// The running systemd's version, from the text in PID 1's Version property.
#pragma once

#include <string_view>

namespace scopewright::systemd {

/// "252.39-1~deb12u2" → 252, "v245.4-1.fc32" → 245, "259~rc1" → 259. Anything without a leading number is NotSupported.
unsigned parseVersion(std::string_view text);

/// The version of the PID 1 that runs, asked on a connection of its own. It blocks: for the command line, where there
/// is no loop. An error if there is no system bus, or no PID 1 on it.
unsigned runningVersion();

/// The oldest systemd whose behaviour towards delegated scopes this daemon knows.
inline constexpr unsigned kOldestVersion = 247;

} // namespace scopewright::systemd
