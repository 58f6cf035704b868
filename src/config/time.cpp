// SPDX-License-Identifier: LGPL-2.1-or-later
#include "config/time.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>

namespace scopewright::config {

namespace {

using std::chrono::microseconds;

constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

struct TimeUnit {
    double length;                         ///< in microseconds
    std::array<std::string_view, 4> names; ///< formatTime() writes the first one
};

// clang-format off
constexpr std::array kTimeUnits{
    TimeUnit{604'800e6, {"w",   "week", "weeks"}},
    TimeUnit{ 86'400e6, {"d",   "day", "days"}},
    TimeUnit{  3'600e6, {"h",   "hr", "hour", "hours"}},
    TimeUnit{     60e6, {"min", "m", "minute", "minutes"}},
    TimeUnit{      1e6, {"s",   "sec", "second", "seconds"}},
    TimeUnit{      1e3, {"ms",  "msec"}},
    TimeUnit{      1e0, {"us",  "usec"}},
};
// clang-format on

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kSpaces = " \t";
    const std::size_t first = text.find_first_not_of(kSpaces);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kSpaces) - first + 1);
}

std::optional<double> unitLength(std::string_view name) {
    for (const TimeUnit& unit : kTimeUnits)
        if (!name.empty() && std::ranges::find(unit.names, name) != unit.names.end()) return unit.length;
    return std::nullopt;
}

} // namespace

std::optional<microseconds> parseTime(std::string_view text) {
    std::string_view rest = trimmed(text);
    if (rest == "infinity") return kInfinity;
    if (rest.empty()) return std::nullopt;
    const bool bare = rest.find_first_of(kLetters) == std::string_view::npos;

    double total = 0;
    while (!rest.empty()) {
        double number = 0;
        const char* end = rest.data() + rest.size();
        const std::from_chars_result result = std::from_chars(rest.data(), end, number, std::chars_format::fixed);
        const bool isNumber = rest.front() >= '0' && rest.front() <= '9' && result.ec == std::errc();
        if (!isNumber || result.ptr[-1] == '.') return std::nullopt;
        rest = trimmed(rest.substr(static_cast<std::size_t>(result.ptr - rest.data())));

        const std::string_view name = bare && rest.empty() ? "s" : rest.substr(0, rest.find_first_not_of(kLetters));
        const std::optional<double> unit = unitLength(name);
        if (!unit) return std::nullopt;
        if (!bare) rest = trimmed(rest.substr(name.size()));
        total += number * *unit;
        if (total > kLongestTime) return std::nullopt;
    }
    return microseconds(std::llround(total));
}

std::string formatTime(microseconds time) {
    if (time == kInfinity) return "infinity";
    std::string out;
    std::int64_t left = time.count();
    for (const TimeUnit& unit : kTimeUnits) {
        const std::int64_t length = std::llround(unit.length);
        if (left < length) continue;
        out += (out.empty() ? "" : " ") + std::to_string(left / length) + std::string(unit.names[0]);
        left %= length;
    }
    return out.empty() ? "0s" : out;
}

} // namespace scopewright::config
