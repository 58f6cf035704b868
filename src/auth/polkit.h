// SPDX-License-Identifier: LGPL-2.1-or-later
// What the administrator's polkit rules say to a caller who is neither root nor the owner.
#pragma once

#include "async/task.h"
#include "bus/bus.h"

#include <string>
#include <utility>
#include <vector>

namespace scopewright::auth {

enum class Verdict {
    Yes,
    No,        ///< also where there is no polkit, or none that answers
    Challenge, ///< yes, if the caller's user may be asked for a password
};

/// Named facts that a rule can look up, and that a dialogue can show.
using Details = std::vector<std::pair<std::string, std::string>>;

class Polkit {
public:
    explicit Polkit(bus::Connection& connection) noexcept : connection_(connection) {}

    /// `sender` is the caller's unique name on the bus, which cannot become somebody else's. With `interactive` an
    /// agent of the caller may be asked, which takes as long as people do.
    async::Task<Verdict> check(std::string sender, std::string action, Details details, bool interactive);

private:
    bus::Connection& connection_;
};

} // namespace scopewright::auth
