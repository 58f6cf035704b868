// SPDX-License-Identifier: LGPL-2.1-or-later
// What the administrator's polkit rules say to a caller who is neither root nor the owner.
#pragma once

#include "async/completion.h"
#include "async/task.h"
#include "bus/bus.h"

#include <sys/types.h>

#include <cstddef>
#include <map>
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

    /// `sender` is the caller's unique name on the bus, which cannot become somebody else's, and `user` its uid. With
    /// `interactive` an agent of the caller may be asked, which takes as long as people do.
    async::Task<Verdict> check(std::string sender, uid_t user, std::string action, Details details, bool interactive);

private:
    /// A question from the moment on that it is to be asked. Of each user so many are asked at a time, and so many in
    /// all; the others wait, in order. Named in the frame of the task that asks.
    class Turn {
    public:
        Turn(Polkit& polkit, uid_t user);
        Turn(Turn&&) = delete;
        ~Turn();

        async::Completion<bool>& come() noexcept { return come_; }
        /// Gives the next its turn, and so may run other tasks.
        void over();

    private:
        friend Polkit;
        void leave() noexcept;

        Polkit& polkit_;
        uid_t user_;
        async::Completion<bool> come_;
        bool left_ = false;
    };

    async::Task<Verdict> ask(std::string sender, std::string action, Details details, bool interactive);
    async::Task<bool> isThere(std::string name);
    void admit();

    bus::Connection& connection_;
    std::vector<Turn*> waiting_;
    std::map<uid_t, std::size_t> asked_;
    std::size_t askedInAll_ = 0;
};

} // namespace scopewright::auth
