// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "answers.h"
#include "client.h"

#include <string>

namespace scopewright::integration {

/// Sends every signal that the daemon would believe if PID 1 or the bus had sent it, to one connection or, where `to`
/// is empty, to all who listen; the bus has dealt with them when this returns.
void forgeSignals(const Client& client, const std::string& to, const Created& victim);

} // namespace scopewright::integration
