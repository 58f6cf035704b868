// SPDX-License-Identifier: LGPL-2.1-or-later
// Whether what was set is still what is there: unit properties that somebody else has changed, files that lost a value.
#pragma once

#include "base/value.h"
#include "limits/plan.h"

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace scopewright::limits {

/// A unit property with another value than the one we asked for: an administrator's.
struct Override {
    std::string property;
    std::string value; ///< in force, as people write it
    std::string asked;

    bool operator==(const Override&) const = default;
};

/// `planned` as planScope() has it, where a later entry adds to an earlier one and an empty list clears; `shown` is
/// what PID 1 has. A property that PID 1 does not show, or in a type of its own, is none.
std::vector<Override> overrides(const Properties& planned, const Properties& shown);

/// What an update leaves as it is.
struct Standing {
    std::set<std::string> others; ///< properties that somebody else has set, and that it does not speak of
    std::vector<Skip> fixed;      ///< resources whose property can only be given at the start, and was given otherwise
};

/// `shown` is what PID 1 has before the update.
Standing standing(const Resources& before, const Resources& after, Context context, const Properties& shown);

/// What tells PID 1 to have again what it showed before it was told `told`; lists are emptied first.
Properties asBefore(const Properties& told, const Properties& shown);

/// What these properties take back of what PID 1 was told, but leave in the files: sets that are emptied, and devices
/// that are not in the lists any more.
Resources emptiedBy(const Properties& properties, const Properties& told);

/// What brings back, in a file with this content, what writing `file` changes: all of it, or the line of its device.
std::string former(const FileValue& file, std::string_view content);

/// Whether a file with this content has the value, in the words of the kernel: sizes are cut to whole pages, lines go
/// by device, and what is lifted ("max", "default") has no line.
bool holds(const FileValue& file, std::string_view content);

} // namespace scopewright::limits
