// SPDX-License-Identifier: LGPL-2.1-or-later
// The shape that records and marks share: "key=value key=value … crc=01234567".
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace scopewright::state {

/// FNV-1a: names what was asked for, against mistakes, not against attackers.
std::string digest(std::string_view text);

/// `fields`, a line of "key=value" words, with the checksum word at its end.
std::string seal(const std::string& fields);

/// The words of a sealed line; nothing if the checksum is missing or wrong, or a word has no '='.
std::optional<std::map<std::string, std::string, std::less<>>> unseal(std::string_view line);

/// RFC 4648's alphabet for URLs, without padding: of what a unit's description can hold.
std::string toBase64(std::string_view bytes);
std::optional<std::string> fromBase64(std::string_view text);

} // namespace scopewright::state
