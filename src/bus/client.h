// SPDX-License-Identifier: LGPL-2.1-or-later
// Who calls: the uid the bus vouches for. Never a lookup in /proc by pid, never an argument.
#pragma once

#include "bus/bus.h"

#include <sys/types.h>

#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace scopewright::bus {

struct Caller {
    uid_t uid;
    pid_t pid;
};

class Callers {
public:
    explicit Callers(Connection& connection) noexcept : connection_(connection) {}

    /// Asks the bus about the sender of `call`; an answer that cannot be had is AccessDenied.
    async::Task<Caller> identify(Message call);

    /// What is known of a connection without asking.
    std::optional<Caller> known(const char* sender) const;

    /// One call of a connection that is being answered, for as long as this lives.
    class Ticket {
    public:
        Ticket(Callers& callers, std::string sender);
        Ticket(Ticket&& other) noexcept
            : callers_(std::exchange(other.callers_, nullptr)), sender_(std::move(other.sender_)) {}
        ~Ticket();

    private:
        Callers* callers_;
        std::string sender_;
    };
    /// LimitsExceeded if `most` calls of the sender are being answered already.
    Ticket admit(const Message& call, std::size_t most);

private:
    std::unordered_map<std::string, std::size_t> underway_;
    Connection& connection_;
    /// A unique name belongs to one connection for the life of the bus, so what was learned stays true.
    std::unordered_map<std::string, Caller> known_;
};

} // namespace scopewright::bus
