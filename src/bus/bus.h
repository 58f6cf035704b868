// SPDX-License-Identifier: LGPL-2.1-or-later
// Owners for sd-bus handles, and a method call as a task.
#pragma once

#include "async/task.h"
#include "base/error.h"

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

namespace scopewright::bus {

struct SlotRelease {
    void operator()(sd_bus_slot* slot) const noexcept { sd_bus_slot_unref(slot); }
};
/// Letting go of a slot cancels the call, the match or the object it stands for.
using Slot = std::unique_ptr<sd_bus_slot, SlotRelease>;

struct BusRelease {
    void operator()(sd_bus* bus) const noexcept { sd_bus_flush_close_unref(bus); }
};
using BusHandle = std::unique_ptr<sd_bus, BusRelease>;

struct EventRelease {
    void operator()(sd_event* event) const noexcept { sd_event_unref(event); }
};
using EventHandle = std::unique_ptr<sd_event, EventRelease>;

/// A counted reference to a message, received or being built.
class Message {
public:
    Message() noexcept = default;
    static Message adopt(sd_bus_message* message) noexcept { return Message(message); }
    static Message share(sd_bus_message* message) noexcept { return Message(sd_bus_message_ref(message)); }
    Message(Message&& other) noexcept : message_(std::exchange(other.message_, nullptr)) {}
    Message(const Message& other) noexcept : message_(sd_bus_message_ref(other.message_)) {}
    Message& operator=(Message other) noexcept {
        std::swap(message_, other.message_);
        return *this;
    }
    ~Message() { sd_bus_message_unref(message_); }

    sd_bus_message* raw() const noexcept { return message_; }

private:
    explicit Message(sd_bus_message* message) noexcept : message_(message) {}

    sd_bus_message* message_ = nullptr;
};

/// Throws an Io error "<what>: <strerror>" when `result` is a negative errno; otherwise hands it back.
int check(int result, std::string_view what);

/// What a peer's error reply means to us: PID 1's and the bus's error names become codes.
Error toError(const sd_bus_error& error);

/// One connection, attached to one event loop.
class Connection {
public:
    Connection(BusHandle bus, sd_event* event);

    sd_bus* raw() const noexcept { return bus_.get(); }
    sd_event* event() const noexcept { return event_; }

    /// Sends `request` and waits for the answer; an error answer, or none within `timeout`, is thrown as Error.
    async::Task<Message> call(Message request, std::chrono::microseconds timeout);

    /// Adds a match and waits for the bus to have it: only for start-up, where blocking is allowed, and for connections
    /// that are no bus's, where there is nothing to wait for.
    Slot matchNow(const std::string& rule, sd_bus_message_handler_t callback, void* userdata);
    /// Adds a match: the bus has it before it sees anything that is sent later.
    Slot matchSoon(const std::string& rule, sd_bus_message_handler_t callback, void* userdata);

private:
    BusHandle bus_;
    sd_event* event_;
};

} // namespace scopewright::bus
