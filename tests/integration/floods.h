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

/// A process of that uid, which is in no group, that floods the daemon.
Child::Life floodAs(uid_t uid, const Flood& kind);

} // namespace scopewright::integration
