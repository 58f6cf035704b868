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
        Ticket(Callers& callers, std::string sender, std::optional<uid_t> uid);
        Ticket(Ticket&& other) noexcept
            : callers_(std::exchange(other.callers_, nullptr)), sender_(std::move(other.sender_)), uid_(other.uid_) {}
        ~Ticket();

    private:
        Callers* callers_;
        std::string sender_;
        std::optional<uid_t> uid_;
    };
    /// LimitsExceeded if so many calls of the sender, or of its user over all connections, are being answered already.
    Ticket admit(const Message& call, std::size_t mostOfSender, std::size_t mostOfUser);

private:
    std::unordered_map<std::string, std::size_t> underway_;
    std::unordered_map<uid_t, std::size_t> ofUser_;
    Connection& connection_;
    /// A unique name belongs to one connection for the life of the bus, so what was learned stays true.
    std::unordered_map<std::string, Caller> known_;
};

} // namespace scopewright::bus
