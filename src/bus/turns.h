// SPDX-License-Identifier: LGPL-2.1-or-later
// Room for so many things at a time that a peer does for us: PID 1 its jobs, polkit its questions. Who waits for some
// is served in turn: one of each user, then the next of each, so that a long queue of one user's stands before nobody
// else.
#pragma once

#include "async/completion.h"
#include "async/task.h"
#include "bus/loop.h"

#include <sys/types.h>

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>

namespace scopewright::bus {

class Turns {
public:
    /// How many at a time.
    struct Room {
        std::size_t inAll;
        std::size_t ofUser;
    };

    /// How much room there is for a user may change. `busy` is what is said to who has waited in vain.
    Turns(sd_event* event, std::function<Room(uid_t)> room, std::string busy);
    Turns(Turns&&) = delete;

    /// Room for one thing, for as long as this lives.
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

    /// Waits until it is the turn of something of `uid`; Timeout if that takes longer than `patience`.
    async::Task<Turn> take(uid_t uid, Microseconds patience);

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
    static int onFreed(sd_event_source*, void* userdata) noexcept;

    const std::function<Room(uid_t)> room_;
    const std::string busy_;
    std::size_t underway_ = 0;
    std::map<uid_t, User> users_; ///< those who have, or wait for, something
    std::deque<uid_t> order_;     ///< those who wait, whose turn comes first in front
    Source freed_;                ///< fires when there is room that somebody waits for
};

} // namespace scopewright::bus
