// SPDX-License-Identifier: LGPL-2.1-or-later
// Waiting for what happens in other processes: look, and look again until a deadline.
#pragma once

#include <poll.h>

#include <chrono>
#include <cstdlib>
#include <string_view>

namespace scopewright::integration {

/// An emulated machine is some ten times slower.
inline bool emulated() {
    const char* guest = std::getenv("SCOPEWRIGHT_GUEST");
    return guest && std::string_view(guest) == "machine";
}

/// How often something is to be repeated: `count` times, less often where that would take long.
inline int times(int count) {
    return emulated() ? (count + 9) / 10 : count;
}

/// After this long something that has not happened will not happen.
inline std::chrono::milliseconds patience() {
    return std::chrono::seconds(emulated() ? 90 : 20);
}

/// Does `condition` become true? It is looked at every `pause` milliseconds.
template <class Condition>
bool eventually(Condition condition, std::chrono::milliseconds limit = patience(), int pause = 5) {
    const std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        ::poll(nullptr, 0, pause);
    }
    return true;
}

} // namespace scopewright::integration
