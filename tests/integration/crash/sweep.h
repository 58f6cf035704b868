// SPDX-License-Identifier: LGPL-2.1-or-later
// The crash sweep: one operation, again and again, and each time the daemon is killed at another of its system calls.
// Whatever the next daemon finds must be the state before or the state after, and the call can be repeated.
#pragma once

#include "crash/world.h"

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <vector>

namespace scopewright::integration {

struct Operation {
    std::string name;
    /// Brings the world into the state before.
    std::function<void(World&)> prepare;
    /// The one call; the same each time.
    std::function<bus::Message(World&)> request;
    /// What a repeated call may answer instead of success once it was carried out.
    std::set<std::string> whenDone = {};
    /// Its answer comes while PID 1 still works: does it no more?
    std::function<bool(const World&)> over = {};
    /// Lines of the snapshot which become what they are to be one by one.
    std::set<std::string> oneByOne = {};
};

/// Which of an operation's calls the daemon is killed at: every `step`-th, or `count` that are spread evenly.
struct Points {
    std::size_t step = 1;
    std::size_t count = 0;
};

struct Report {
    std::string name;
    std::size_t calls = 0;    ///< of the daemon, from the request to the rest after it
    std::size_t points = 0;   ///< at which it was killed
    std::size_t before = 0;   ///< how often the next daemon found the state before
    std::size_t after = 0;    ///< … after
    std::size_t between = 0;  ///< … or something between, where that is allowed
    std::size_t answered = 0; ///< how often the caller had its answer already
    std::size_t late = 0;     ///< how often the operation took fewer calls, and the daemon was killed at rest
    std::size_t slow = 0;     ///< how often the next daemon had not settled everything when it was first asked
    double seconds = 0;
    std::vector<std::string> violations;

    /// For people.
    std::string line() const;
};

Report sweep(World& world, const Operation& operation, const Points& points);

} // namespace scopewright::integration
