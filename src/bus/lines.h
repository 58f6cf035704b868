// SPDX-License-Identifier: LGPL-2.1-or-later
// Calls that have been read and wait for their turn: a line for each user, of which the first ones are answered in
// turn. There is one socket for all, and whoever floods it stands before everybody else there. So it is emptied first,
// which costs far less than answering, and what came out of it is then answered user by user, each user so often in a
// second: the bus lets nobody wait for more than so many answers, so who gets no answer sends no more calls, and leaves
// bus and processors to the others.
#pragma once

#include "base/rate.h"
#include "bus/loop.h"

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>

namespace scopewright::bus {

class Lines {
public:
    /// What a user may have.
    struct Bounds {
        std::size_t waiting;     ///< calls
        std::uint32_t perSecond; ///< answers, one to a long call counts as several; 0: no bound
        std::uint32_t atOnce;    ///< answers before that counts
    };

    explicit Lines(Connection& connection);
    Lines(Lines&&) = delete;

    /// Of a call of that user that has just been read: false if it is to be answered now, since nobody waits and
    /// nothing is left to be read; true if it waits in line, and comes again, or if it is refused, since too many of
    /// the user's wait there, or since it is so large that a line of them could not be kept. Refusals stand in line
    /// too.
    bool join(const Message& call, uid_t uid, const Bounds& bounds);

    /// Whether this is a call that has waited, and comes again: to be asked once.
    bool called(const Message& call) noexcept;

    bool empty() const noexcept { return lines_.empty(); }

private:
    struct Entry {
        Message message; ///< a call, or an error that is ready to be sent
        bool isCall;
        double worth; ///< as many answers
    };
    struct Line {
        std::deque<Entry> entries;
        std::size_t calls = 0;
        Bounds bounds{};
        bool resting = false; ///< until the user may have an answer again
    };

    bool moreToRead() const noexcept;
    bool mayHaveAnswer(uid_t uid, const Bounds& bounds, double worth);
    void tellOfDrops(uid_t uid);
    void add(uid_t uid, const Bounds& bounds, Entry entry);
    void refuse(const Message& call, uid_t uid, const Bounds& bounds, const std::string& why);
    void callNext();
    void deliver(const Entry& entry);
    static int onTurn(sd_event_source*, void* userdata) noexcept;
    static int onRested(sd_event_source*, std::uint64_t, void* userdata) noexcept;

    Connection& connection_;
    std::map<uid_t, Line> lines_; ///< none is empty
    std::deque<uid_t> order_;     ///< whose turn comes first in front; nobody who rests
    Rate answers_;
    std::map<uid_t, Rate::Time> toldOf_;   ///< whose calls are dropped, lately
    std::size_t read_ = 0;                 ///< since the last turn
    const sd_bus_message* next_ = nullptr; ///< which is on its way to come again
    Source turn_;
    Source rest_;
};

} // namespace scopewright::bus
