// SPDX-License-Identifier: LGPL-2.1-or-later
// A D-Bus variant as a C++ value: what limits makes, what callers send, what bus marshals.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace scopewright {

/// Descriptors that belong to somebody else for the time of the call (D-Bus 'ah').
struct BorrowedFds {
    std::vector<int> fds;
};

/// A variant whose type nobody here reads; kept so that the error can name the key and the type.
struct Unreadable {
    std::string signature;
};

/// Alternatives and their signatures: b, i, u, x, t, s, au, as, ay, ah, a(st), a(ss), a{ss}.
// clang-format off
using Value = std::variant<bool,
                           std::int32_t,
                           std::uint32_t,
                           std::int64_t,
                           std::uint64_t,
                           std::string,
                           std::vector<std::uint32_t>,
                           std::vector<std::string>,
                           std::vector<std::uint8_t>,
                           BorrowedFds,
                           std::vector<std::pair<std::string, std::uint64_t>>,
                           std::vector<std::pair<std::string, std::string>>,
                           Unreadable>;
// clang-format on

struct Property {
    std::string name;
    Value value;
};

using Properties = std::vector<Property>;

} // namespace scopewright
