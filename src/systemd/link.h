// SPDX-License-Identifier: LGPL-2.1-or-later
// How PID 1 is reached: through its own socket where that can be had, through the bus otherwise. See
// docs/decisions/0016.
#pragma once

#include "async/scope.h"
#include "async/task.h"
#include "bus/bus.h"
#include "bus/loop.h"

#include <functional>
#include <list>
#include <optional>
#include <string>
#include <utility>

namespace scopewright::systemd {

class Link {
    struct Watched {
        std::string member;
        sd_bus_message_handler_t handler;
        void* userdata;
        bus::Slot onSocket;
        bus::Slot onBus;
    };

public:
    /// `socket` is where PID 1 listens itself; if it is empty, only the bus is used.
    Link(bus::Connection& bus, std::string socket);
    Link(Link&&) = delete;
    ~Link();

    /// Connects to the socket, or else makes PID 1 send its signals to the bus. Before it has returned there are no
    /// signals; `patience` is for PID 1's answer.
    async::Task<void> open(bus::Microseconds patience);

    /// Through which the next call is to go.
    bus::Connection& connection();

    /// Whether that is PID 1's own socket, on which nobody else can say anything.
    bool direct() const noexcept;

    /// As long as it lives, `handler` is called for each signal of that name which PID 1's Manager object sends.
    class Watch {
    public:
        Watch(Link& link, const char* member, sd_bus_message_handler_t handler, void* userdata);
        Watch(Watch&&) = delete;
        ~Watch() { link_.watched_.erase(watched_); }

    private:
        Link& link_;
        std::list<Watched>::iterator watched_;
    };

    /// `returned` is called when PID 1 was out of reach and is back: anything may have happened in between.
    void onReturn(std::function<void()> returned) { returned_ = std::move(returned); }

private:
    bus::BusHandle openSocket() const;
    async::Task<void> subscribe(bus::Microseconds patience);
    async::Task<bool> trySocket(bus::Microseconds patience);
    async::Task<void> reconnect();
    void fallBack();
    void listenOnSocket(Watched& watched);
    void listenOnBus(Watched& watched);
    static int onDisconnected(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept;
    static int onNewOwner(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept;

    bus::Connection& bus_;
    const std::string socket_;
    std::optional<bus::Connection> direct_;
    bus::Slot disconnected_;
    bus::Slot newOwner_; ///< there is one while PID 1's signals come through the bus
    std::list<Watched> watched_;
    std::function<void()> returned_;
    bool reconnecting_ = false;
    async::Scope background_;
};

} // namespace scopewright::systemd
