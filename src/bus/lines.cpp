// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bus/lines.h"

#include "base/log.h"

#include <poll.h>

#include <cstring>
#include <exception>
#include <string>

namespace scopewright::bus {

namespace {

/// So many are read before one is answered: a flood is read at the speed of reading, and is not all that is done.
constexpr std::size_t kReadsPerTurn = 64;

/// The longest call of ours: its properties twice over, and room for processes. The bus lets 32 MiB through.
constexpr std::size_t kLargest = 192 * 1024;

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

bool Lines::called(const Message& call) noexcept {
    if (next_ != call.raw()) return false;
    next_ = nullptr;
    return true;
}

bool Lines::join(const Message& call, uid_t uid, std::size_t most) {
    ++read_;
    if (empty() && !moreToRead()) return false;
    const auto line = lines_.find(uid);
    if (line != lines_.end() && line->second.size() >= most)
        throw Error(ErrorCode::LimitsExceeded, std::to_string(most) + " calls of uid " + std::to_string(uid) +
                                                   " wait for their answers already; wait for one of them");
    const std::size_t size = sizeOf(call.raw());
    check(sd_bus_message_rewind(call.raw(), 1), "read a call from its beginning");
    if (size > kLargest)
        throw Error(ErrorCode::LimitsExceeded, "the call has more than " + std::to_string(kLargest) + " bytes");
    if (line == lines_.end()) order_.push_back(uid);
    lines_[uid].push_back(call);
    ++size_;
    check(sd_event_source_set_enabled(turn_.get(), SD_EVENT_ONESHOT), "turn the lines on");
    // It comes when nothing is left to be read; or now, before all other sources: a deferred one counts as the oldest.
    if (read_ >= kReadsPerTurn)
        check(sd_event_source_set_priority(turn_.get(), SD_EVENT_PRIORITY_NORMAL), "put a turn first");
    return true;
}

void Lines::callNext() {
    const auto line = lines_.find(order_.front());
    const Message call = line->second.front();
    check(sd_bus_enqueue_for_read(connection_.raw(), call.raw()), "take up a call again");
    next_ = call.raw();
    line->second.pop_front();
    --size_;
    order_.pop_front();
    if (line->second.empty())
        lines_.erase(line);
    else
        order_.push_back(line->first);
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
    if (!self.empty()) sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    return 0;
}

} // namespace scopewright::bus
