// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bus/turns.h"

#include "base/error.h"
#include "base/log.h"

#include <algorithm>
#include <exception>

namespace scopewright::bus {

/// In the frame of the task that waits; it stands in its user's queue until it has been served or is given up.
struct Turns::Waiter {
    Waiter(Turns& owner, uid_t user) : turns(owner), uid(user) {
        std::deque<Waiter*>& queue = turns.users_[uid].waiting;
        if (queue.empty()) turns.order_.push_back(uid);
        queue.push_back(this);
    }
    Waiter(Waiter&&) = delete;
    ~Waiter() { turns.forget(uid, this); }

    Turns& turns;
    uid_t uid;
    async::Completion<bool> served;
};

Turns::Turns(sd_event* event, std::function<Room(uid_t)> room, std::string busy)
    : room_(std::move(room)), busy_(std::move(busy)), freed_(addDeferred(event, onFreed, this)) {}

bool Turns::hasRoom(uid_t uid, const User& user) const {
    const Room room = room_(uid);
    return underway_ < room.inAll && user.underway < room.ofUser;
}

async::Task<Turns::Turn> Turns::take(uid_t uid, Microseconds patience) {
    // Whoever waits has come before, and room that is left then is not theirs to take.
    if (next() == order_.end() && hasRoom(uid, users_[uid])) {
        begin(users_[uid]);
        co_return Turn(*this, uid);
    }
    Waiter waiter(*this, uid);
    Source timer = completeAfter(sd_event_source_get_event(freed_.get()), patience, waiter.served);
    bool served = co_await waiter.served;
    if (!served) throw Error(ErrorCode::Timeout, busy_);
    co_return Turn(*this, uid);
}

void Turns::begin(User& user) noexcept {
    ++underway_;
    ++user.underway;
}

void Turns::giveBack(uid_t uid) noexcept {
    --underway_;
    const auto user = users_.find(uid);
    if (--user->second.underway == 0 && user->second.waiting.empty()) users_.erase(user);
    // From the loop, and not from here: who is served may have had enough at once, and so may the one after.
    if (!order_.empty()) sd_event_source_set_enabled(freed_.get(), SD_EVENT_ONESHOT);
}

void Turns::forget(uid_t uid, const Waiter* waiter) noexcept {
    const auto user = users_.find(uid);
    if (user == users_.end() || std::erase(user->second.waiting, waiter) == 0 || !user->second.waiting.empty()) return;
    std::erase(order_, uid);
    if (user->second.underway == 0) users_.erase(user);
}

std::deque<uid_t>::iterator Turns::next() {
    return std::ranges::find_if(order_, [this](uid_t uid) { return hasRoom(uid, users_.at(uid)); });
}

bool Turns::serveNext() {
    const auto turn = next();
    if (turn == order_.end()) return false;
    const uid_t uid = *turn;
    order_.erase(turn);
    User& user = users_.at(uid);
    Waiter* waiter = user.waiting.front();
    user.waiting.pop_front();
    if (!user.waiting.empty()) order_.push_back(uid);
    begin(user);
    waiter->served.complete(true);
    return true;
}

int Turns::onFreed(sd_event_source*, void* userdata) noexcept {
    Turns& self = *static_cast<Turns*>(userdata);
    try {
        while (self.serveNext())
            ;
    } catch (const std::exception& error) {
        log::error(std::string("nobody is served: ") + error.what());
    }
    return 0;
}

} // namespace scopewright::bus
