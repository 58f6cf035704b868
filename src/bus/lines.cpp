// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bus/lines.h"

#include "base/log.h"

#include <poll.h>

#include <cstring>
#include <exception>
#include <string>
#include <utility>

namespace scopewright::bus {

namespace {

/// So many are read before one is answered: a flood is read at the speed of reading, and is not all that is done.
constexpr std::size_t kReadsPerTurn = 64;
/// … and so many come one by one through the loop before the next turn, so that other sources have theirs.
constexpr std::size_t kReadsBetweenTurns = 4;

/// So many bytes of a call cost about as much to carry and to read as another call does.
constexpr double kBytesOfOne = 2048;

/// Who has had enough answers rests so long, and then has as many as that was worth.
constexpr Microseconds kRest{10000};

/// More than that of one user are sent at once: some kilobytes for each connection that a user may have.
constexpr std::size_t kMostRefusals = 4096;

/// The longest call of ours: its properties twice over, and room for processes. The bus lets 32 MiB through.
constexpr std::size_t kLargest = 192 * 1024;

constexpr std::chrono::minutes kBetweenWarnings{1};

/// How many bytes there are up to the end of the container, but not many more than kLargest. Whatever cannot be walked
/// through cannot be answered either, which is told elsewhere.
std::size_t sizeOf(sd_bus_message* m) {
    std::size_t size = 0;
    char type = 0;
    const char* contents = nullptr;
    while (size <= kLargest && sd_bus_message_peek_type(m, &type, &contents) > 0) {
        size += 8;
        if (std::strchr("sog", type)) {
            const char* text = "";
            if (sd_bus_message_read_basic(m, type, &text) <= 0) break;
            size += std::strlen(text);
        } else if (type == 'a' && std::strlen(contents) == 1 && std::strchr("ynqiuxtd", *contents)) {
            const void* data = nullptr;
            std::size_t bytes = 0;
            if (sd_bus_message_read_array(m, *contents, &data, &bytes) < 0) break;
            size += bytes;
        } else if (std::strchr("arev", type)) {
            if (sd_bus_message_enter_container(m, type, contents) <= 0) break;
            size += sizeOf(m);
            if (size > kLargest || sd_bus_message_exit_container(m) < 0) break;
        } else if (sd_bus_message_skip(m, std::string(1, type).c_str()) < 0) {
            break;
        }
    }
    return size;
}

} // namespace

Lines::Lines(Connection& connection) : connection_(connection), turn_(addDeferred(connection.event(), onTurn, this)) {
    check(sd_event_source_set_priority(turn_.get(), SD_EVENT_PRIORITY_IDLE), "put the turns last");
}

bool Lines::moreToRead() const noexcept {
    pollfd socket{sd_bus_get_fd(connection_.raw()), POLLIN, 0};
    return ::poll(&socket, 1, 0) > 0;
}

bool Lines::mayHaveAnswer(uid_t uid, const Bounds& bounds, double worth) {
    if (bounds.perSecond == 0) return true;
    return answers_.take(uid, bounds.perSecond, bounds.atOnce, Rate::Time::clock::now(), worth).count() == 0;
}

bool Lines::called(const Message& call) noexcept {
    if (next_ != call.raw()) return false;
    next_ = nullptr;
    return true;
}

bool Lines::join(const Message& call, uid_t uid, const Bounds& bounds) {
    ++read_;
    const auto line = lines_.find(uid);
    const bool isFirst = order_.empty() && line == lines_.end() && !moreToRead();
    if (isFirst && bounds.perSecond == 0) return false;
    if (line != lines_.end() && line->second.calls >= bounds.waiting) {
        if (sd_bus_message_get_expect_reply(call.raw()) <= 0) tellOfDrops(uid);
        refuse(call, uid, bounds,
               std::to_string(bounds.waiting) + " calls of uid " + std::to_string(uid) +
                   " wait for their answers already; wait for one of them");
        return true;
    }
    const std::size_t size = sizeOf(call.raw());
    check(sd_bus_message_rewind(call.raw(), 1), "read a call from its beginning");
    const double worth = 1 + static_cast<double>(size) / kBytesOfOne;
    if (isFirst && mayHaveAnswer(uid, bounds, worth)) return false;
    if (size > kLargest)
        refuse(call, uid, bounds, "the call has more than " + std::to_string(kLargest) + " bytes");
    else
        add(uid, bounds, Entry{call, true, worth});
    return true;
}

/// Nothing but the bus bounds how many calls come that want no answer, and others' calls stand behind them there. So
/// the administrator is told whose they are.
void Lines::tellOfDrops(uid_t uid) {
    const Rate::Time now = Rate::Time::clock::now();
    std::erase_if(toldOf_, [now](const auto& entry) { return now - entry.second > kBetweenWarnings; });
    if (toldOf_.try_emplace(uid, now).second)
        log::warning("calls of uid " + std::to_string(uid) +
                     " that want no answer are dropped: they come faster than they are answered");
}

/// Who wants no answer gets none, and costs no more than being read.
void Lines::refuse(const Message& call, uid_t uid, const Bounds& bounds, const std::string& why) {
    if (sd_bus_message_get_expect_reply(call.raw()) <= 0) return;
    sd_bus_message* error = nullptr;
    const std::string name(dbusName(ErrorCode::LimitsExceeded));
    check(sd_bus_message_new_method_errorf(call.raw(), &error, name.c_str(), "%s", why.c_str()), "refuse a call");
    const Message refusal = Message::adopt(error);
    const auto line = lines_.find(uid);
    if (line != lines_.end() && line->second.entries.size() - line->second.calls >= kMostRefusals)
        check(sd_bus_send(connection_.raw(), refusal.raw(), nullptr), "refuse a call");
    else
        add(uid, bounds, Entry{refusal, false, 1});
}

void Lines::add(uid_t uid, const Bounds& bounds, Entry entry) {
    const auto [place, isNew] = lines_.try_emplace(uid);
    Line& line = place->second;
    line.bounds = bounds;
    line.calls += entry.isCall;
    line.entries.push_back(std::move(entry));
    if (isNew) order_.push_back(uid);
    if (order_.empty()) return;
    check(sd_event_source_set_enabled(turn_.get(), SD_EVENT_ONESHOT), "turn the lines on");
    // It comes when nothing is left to be read; or now, before all other sources: a deferred one counts as the oldest.
    if (read_ >= kReadsBetweenTurns)
        check(sd_event_source_set_priority(turn_.get(), SD_EVENT_PRIORITY_NORMAL), "put a turn first");
}

void Lines::callNext() {
    while (!order_.empty()) {
        const uid_t uid = order_.front();
        Line& line = lines_.at(uid);
        if (mayHaveAnswer(uid, line.bounds, line.entries.front().worth)) {
            deliver(line.entries.front());
            order_.pop_front();
            line.calls -= line.entries.front().isCall;
            line.entries.pop_front();
            if (line.entries.empty())
                lines_.erase(uid);
            else
                order_.push_back(uid);
            return;
        }
        order_.pop_front();
        line.resting = true;
        if (!rest_) rest_ = addTimer(connection_.event(), kRest, onRested, this);
    }
}

void Lines::deliver(const Entry& entry) {
    if (entry.isCall) {
        check(sd_bus_enqueue_for_read(connection_.raw(), entry.message.raw()), "take up a call again");
        next_ = entry.message.raw();
    } else {
        check(sd_bus_send(connection_.raw(), entry.message.raw(), nullptr), "refuse a call");
    }
}

int Lines::onTurn(sd_event_source* source, void* userdata) noexcept {
    Lines& self = *static_cast<Lines*>(userdata);
    try {
        if (!self.next_) self.callNext();
        // It comes back as the first of these. One by one through the loop, each would cost several times as much.
        for (std::size_t i = 0; i < kReadsPerTurn && sd_bus_process(self.connection_.raw(), nullptr) > 0; ++i) {}
    } catch (const std::exception& error) {
        log::error(std::string("a call is not answered yet: ") + error.what());
    }
    self.read_ = 0;
    sd_event_source_set_priority(source, SD_EVENT_PRIORITY_IDLE);
    if (!self.order_.empty()) sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    return 0;
}

int Lines::onRested(sd_event_source*, std::uint64_t, void* userdata) noexcept {
    Lines& self = *static_cast<Lines*>(userdata);
    self.rest_.reset();
    for (auto& [uid, line] : self.lines_)
        if (std::exchange(line.resting, false)) self.order_.push_back(uid);
    if (!self.order_.empty()) sd_event_source_set_enabled(self.turn_.get(), SD_EVENT_ONESHOT);
    return 0;
}

} // namespace scopewright::bus
