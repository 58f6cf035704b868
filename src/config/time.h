// SPDX-License-Identifier: LGPL-2.1-or-later
// Times as systemd.time(7) writes spans of them.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace scopewright::config {

inline constexpr std::chrono::microseconds kInfinity = std::chrono::microseconds::max();

/// What parseTime() takes at most, in microseconds.
inline constexpr double kLongestTime = 1e9 * 1e6;

/// "1min 30s", "500ms", "2.5h", "infinity"; a number alone means seconds.
std::optional<std::chrono::microseconds> parseTime(std::string_view text);
std::string formatTime(std::chrono::microseconds time);

} // namespace scopewright::config
