// SPDX-License-Identifier: LGPL-2.1-or-later
// What the administrator's polkit rules say to a caller who is neither root nor the owner.
#pragma once

#include "async/task.h"
#include "bus/bus.h"
#include "bus/turns.h"

#include <sys/types.h>

#include <cstdint>
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
    explicit Polkit(bus::Connection& connection);

    /// `sender` is the caller's unique name on the bus, which cannot become somebody else's, and `user` its uid. With
    /// `interactive` an agent of the caller may be asked, which takes as long as people do, or as the caller waits.
    async::Task<Verdict> check(std::string sender, uid_t user, std::string action, Details details, bool interactive);

private:
    async::Task<Verdict> ask(std::string sender, std::string action, Details details, bool interactive);
    async::Task<bool> isThere(std::string name);

    bus::Connection& connection_;
    bus::Turns turns_;
    std::uint64_t dialogues_ = 0; ///< so far
};

} // namespace scopewright::auth
