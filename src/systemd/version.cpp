// SPDX-License-Identifier: LGPL-2.1-or-later
#include "systemd/version.h"

#include "base/error.h"

#include <charconv>

namespace scopewright::systemd {

unsigned parseVersion(std::string_view text) {
    std::string_view digits = text;
    if (digits.starts_with('v')) digits.remove_prefix(1);
    unsigned version = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), version);
    const std::string_view rest(end, static_cast<std::size_t>(digits.data() + digits.size() - end));
    const bool ended = rest.empty() || std::string_view(".-~+ ").find(rest.front()) != std::string_view::npos;
    if (error != std::errc() || !ended || version == 0)
        throw Error(ErrorCode::NotSupported, "systemd says its version is " + quoted(text) + ", which is no version");
    return version;
}

} // namespace scopewright::systemd
