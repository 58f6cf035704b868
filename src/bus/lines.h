// SPDX-License-Identifier: LGPL-2.1-or-later
// Calls that have been read and wait for their turn: a line for each user, of which the first ones are answered in
// turn. There is one socket for all, and whoever floods it stands before everybody else there. So it is emptied first,
// which costs far less than answering, and what came out of it is then answered user by user.
#pragma once

#include "bus/loop.h"

#include <sys/types.h>

#include <cstddef>
#include <deque>
#include <map>

namespace scopewright::bus {

class Lines {
public:
    explicit Lines(Connection& connection);
    Lines(Lines&&) = delete;

    /// Of a call of that user that has just been read: false if it is to be answered now, since nobody waits and
    /// nothing is left to be read; true if it waits in line, and comes again. LimitsExceeded if `most` of the user's
    /// wait there, or if it is so large that a line of them could not be kept.
    bool join(const Message& call, uid_t uid, std::size_t most);

    /// Whether this is a call that has waited, and comes again: to be asked once.
    bool called(const Message& call) noexcept;

    bool empty() const noexcept { return size_ == 0; }

private:
    bool moreToRead() const noexcept;
    void callNext();
    static int onTurn(sd_event_source*, void* userdata) noexcept;

    Connection& connection_;
    std::map<uid_t, std::deque<Message>> lines_; ///< none is empty
    std::deque<uid_t> order_;                    ///< whose turn comes first in front
    std::size_t size_ = 0;
    std::size_t read_ = 0;                 ///< since the last turn
    const sd_bus_message* next_ = nullptr; ///< which is on its way to come again
    Source turn_;
};

} // namespace scopewright::bus
