// SPDX-License-Identifier: LGPL-2.1-or-later
// Calls that must be refused whatever there is, and must change nothing.
#pragma once

#include "client.h"

#include <cstdint>
#include <set>
#include <string>

namespace scopewright::integration::model {

struct WrongCall {
    Answer answer;
    std::set<std::string> allowed; ///< the names of the errors it may be refused with
};

/// One of them, by `number`; it names the sandbox `id` and the process `pid` where a call of its kind does.
WrongCall callWrongly(const Client& client, std::size_t number, const std::string& id, std::uint32_t pid);

} // namespace scopewright::integration::model
