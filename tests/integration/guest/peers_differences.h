// SPDX-License-Identifier: LGPL-2.1-or-later
// What runc 1.1.5 and crun 1.8.1 make of the same resources otherwise than we do. docs/comparison.md says why.
#pragma once

#include <vector>

namespace scopewright::integration {

enum class When { Always, Started, Reloaded };

struct Difference {
    const char* runtime; ///< "both" is each of them
    const char* set;     ///< "any" is each of them
    When when;
    const char* name;
    const char* theirs;
    const char* ours;
    const char* reason; ///< a heading of docs/comparison.md
};

const std::vector<Difference>& differences();

} // namespace scopewright::integration
