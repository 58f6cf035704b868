// SPDX-License-Identifier: LGPL-2.1-or-later
// Room for so many of PID 1's jobs at a time. Who waits for some is served in turn: one of each user, then the next of
// each, so that a long queue of one user's stands before nobody else.
#pragma once

#include "async/completion.h"
#include "async/task.h"
#include "bus/loop.h"
#include "config/config.h"
#include "sandbox/wait.h"

#include <sys/types.h>

#include <cstddef>
#include <deque>
#include <map>
#include <utility>

namespace scopewright::sandbox {

class Turns {
public:
    /// How much room there is says `config`, which may change.
    Turns(sd_event* event, const config::Config& config);
    Turns(Turns&&) = delete;

    /// Room for one job, for as long as this lives.
    class Turn {
    public:
        Turn() noexcept = default;
        Turn(Turns& turns, uid_t uid) noexcept : turns_(&turns), uid_(uid) {}
        Turn(Turn&& other) noexcept : turns_(std::exchange(other.turns_, nullptr)), uid_(other.uid_) {}
        Turn& operator=(Turn&&) = delete;
        ~Turn() {
            if (turns_) turns_->giveBack(uid_);
        }

        explicit operator bool() const noexcept { return turns_ != nullptr; }

    private:
        Turns* turns_ = nullptr;
        uid_t uid_ = 0;
    };

    /// Waits until it is the turn of a job of `uid`; Timeout at the deadline.
    async::Task<Turn> take(uid_t uid, Deadline deadline);

private:
    struct Waiter;
    struct User {
        std::size_t underway = 0;
        std::deque<Waiter*> waiting;
    };

    bool hasRoom(uid_t uid, const User& user) const;
    void begin(User& user) noexcept;
    void giveBack(uid_t uid) noexcept;
    void forget(uid_t uid, const Waiter* waiter) noexcept;
    /// Whose turn it is among those who wait, or nobody.
    std::deque<uid_t>::iterator next();
    bool serveNext();
    static int onRoom(sd_event_source*, void* userdata) noexcept;

    const config::Config& config_;
    std::size_t underway_ = 0;
    std::map<uid_t, User> users_; ///< those who have, or wait for, something
    std::deque<uid_t> order_;     ///< those who wait, whose turn comes first in front
    bus::Source room_;            ///< fires when there is room that somebody waits for
};

} // namespace scopewright::sandbox
