// SPDX-License-Identifier: LGPL-2.1-or-later
// Reading callers' text, of which nothing goes on but what one of these has taken in, and writing values for people.
#pragma once

#include "base/value.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace scopewright::limits {

/// Throws InvalidArgument: "memory.max '12Q' is no size".
[[noreturn]] void refuse(std::string_view key, std::string_view value, const std::string& why);

/// Decimal digits and nothing else.
std::optional<std::uint64_t> parseNumber(std::string_view text);

/// The pieces between `by`; empty ones too.
std::vector<std::string_view> split(std::string_view text, char by);

/// The words between blanks.
std::vector<std::string_view> words(std::string_view line);

/// "max" for infinity, else the decimal.
std::string limitText(std::uint64_t value);

/// A value of any type as people write it: UINT64_MAX is "infinity", bytes are the list of CPUs they stand for.
std::string valueText(const Value& value);

} // namespace scopewright::limits
