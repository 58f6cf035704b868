// SPDX-License-Identifier: LGPL-2.1-or-later
// Two ends of a socketpair on one event loop: the daemon's connection, and the peer that plays bus, PID 1 and clients.
#pragma once

#include "async/scope.h"
#include "async/task.h"
#include "bus/bus.h"
#include "bus/codec.h"

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace scopewright::fake {

/// One call by a client, under way or answered.
struct Call {
    bool done = false;
    std::string error; ///< the D-Bus name; "" for a good answer
    std::string text;
    bus::Message answer;
    bus::Slot slot;

    template <class... Args>
    std::tuple<Args...> values() const {
        sd_bus_message_rewind(answer.raw(), 1);
        return bus::unpack<Args...>(answer);
    }
};
using Pending = std::shared_ptr<Call>;

struct Signal {
    std::string path;
    std::string interface;
    std::string member;
    bus::Message message;
};

class Link {
public:
    static constexpr std::chrono::milliseconds kPatience{10000};

    Link();
    Link(Link&&) = delete;
    ~Link();

    sd_event* event() const noexcept { return event_.get(); }
    bus::Connection& connection() const noexcept { return *connection_; }
    sd_bus* peer() const noexcept { return peer_.get(); }

    /// Both ends go, and new ones come: what the daemon sees when the bus or itself was restarted.
    void disconnect();
    void connect();

    /// Runs the loop until `condition` holds; false if it does not within `patience`.
    bool until(const std::function<bool()>& condition, std::chrono::milliseconds patience = kPatience);

    /// Called when until() has found nothing to do for a millisecond; without it the loop sleeps until there is
    /// something.
    std::function<void()> onSilence;

    /// Runs the loop until nothing is left to do at once.
    void settle();

    /// Runs the loop for as long as it takes to see that something does not happen.
    void pass(std::chrono::milliseconds time);

    /// Runs `task` to its end and gives what it gives.
    template <class T>
    T await(async::Task<T> task) {
        Outcome<T> outcome;
        async::Scope scope(unexpected);
        scope.spawn(keep(std::move(task), outcome));
        if (!until([&] { return outcome.done; })) throw std::runtime_error("a task did not end in time");
        if (outcome.error) std::rethrow_exception(outcome.error);
        if constexpr (!std::is_void_v<T>) return std::move(*outcome.value);
    }

    /// A method call on the daemon by the client with the unique name `sender`.
    template <class... Args>
    Pending call(const std::string& sender, const std::string& path, const std::string& interface,
                 const std::string& member, const Args&... args) {
        return send(sender, bus::methodCall(peer(), "org.scopewright1", path.c_str(), interface.c_str(), member.c_str(),
                                            args...));
    }
    Pending send(const std::string& sender, bus::Message message);

    /// Sends a message that wants no answer, as `sender`.
    void emit(const std::string& sender, bus::Message message);

    /// What the daemon has emitted, oldest first.
    std::vector<Signal>& signals() noexcept { return signals_; }
    /// How many of that name; what is yet to be sent in this turn of the loop is sent first.
    std::size_t emitted(const std::string& member);

    static void unexpected(std::exception_ptr error) noexcept;

private:
    struct Nothing {};
    template <class T>
    struct Outcome {
        bool done = false;
        std::exception_ptr error;
        std::optional<std::conditional_t<std::is_void_v<T>, Nothing, T>> value;
    };

    template <class T>
    static async::Task<void> keep(async::Task<T> task, Outcome<T>& outcome) {
        try {
            if constexpr (std::is_void_v<T>) {
                co_await task;
            } else {
                T value = co_await task;
                outcome.value.emplace(std::move(value));
            }
        } catch (...) {
            outcome.error = std::current_exception();
        }
        outcome.done = true;
    }

    static int onMessage(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept;
    static int onAnswer(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept;

    bus::EventHandle event_;
    bus::BusHandle peer_;
    bus::Slot filter_;
    std::unique_ptr<bus::Connection> connection_;
    std::vector<Signal> signals_;
};

} // namespace scopewright::fake
