// SPDX-License-Identifier: LGPL-2.1-or-later
// Many clients that call just when the daemon decides that it has nothing to do.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace scopewright::integration {

struct Crossing {
    std::vector<std::string> failures; ///< errors that a client got
    std::size_t changes = 0;           ///< how often the daemon's name has found or lost an owner
};

/// In each round every one of `clients` asks for all sandboxes or for `sandbox`, at about the time at which a daemon
/// with this idle timeout leaves: some before, some meanwhile, some after.
Crossing crossIdleBoundary(std::chrono::milliseconds idleTimeout, int rounds, std::size_t clients,
                           const std::string& sandbox);

/// Does nothing for that long: only where the passing of time itself is what is tested.
void pass(std::chrono::microseconds time);

} // namespace scopewright::integration
