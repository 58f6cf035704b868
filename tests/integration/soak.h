// SPDX-License-Identifier: LGPL-2.1-or-later
// Many clients at once, each of which makes a sandbox, uses it and ends it, again and again, while the daemon may be
// killed at any moment. A client that gets no answer asks again until it has one, as the contract says it can.
#pragma once

#include "model/world.h"

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace scopewright::integration {

struct SoakPlan {
    std::size_t sandboxes = 0;
    std::size_t clients = 32;
    std::chrono::milliseconds betweenKills{0}; ///< on average; 0: the daemon is not killed
    std::chrono::seconds limit{300};
};

struct SoakResult {
    std::vector<std::string> wrong; ///< answers that must not be, and what was not so after an answer
    std::vector<std::string> left;  ///< units, directories and objects that are there at the end
    std::size_t ended = 0;
    std::size_t kills = 0;
    std::size_t lost = 0; ///< calls that got no answer
};

SoakResult soak(const model::World& world, const SoakPlan& plan);

/// As many sandboxes as this machine is asked to make: SCOPEWRIGHT_SOAK_SANDBOXES, or `otherwise`.
std::size_t wantedSandboxes(std::size_t otherwise);

} // namespace scopewright::integration
