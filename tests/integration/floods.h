// SPDX-License-Identifier: LGPL-2.1-or-later
// A client that asks more than anybody can answer, with each kind of call. What that costs another one is measured on a
// private bus and in guests.
#pragma once

#include "child.h"
#include "client.h"

#include <vector>

namespace scopewright::integration {

struct Flood {
    const char* name;
    bus::Message (*make)(const Client& client, const char* service);
    bool wantsAnswers = true;
};

const std::vector<Flood>& floods();

/// Sends as much to a service as the bus takes, for ever.
[[noreturn]] void flood(const Client& client, const Flood& kind, const char* service);

/// A user who is in no group, and what a private bus's policy has to say for their calls to reach the daemon.
inline constexpr uid_t kFlooder = 65534;
inline constexpr const char* kFlooderPolicy =
    "<policy user=\"65534\"><allow send_destination=\"org.scopewright1\" send_type=\"method_call\"/></policy>";

/// A process of that user's that floods the daemon.
Child::Life floodAsFlooder(const Flood& kind);

} // namespace scopewright::integration
