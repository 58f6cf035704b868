// SPDX-License-Identifier: LGPL-2.1-or-later
// Who calls: the uid the bus vouches for. Never an argument, and never what /proc says of a uid by pid.
#pragma once

#include "bus/bus.h"

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace scopewright::bus {

struct Caller {
    uid_t uid;
    pid_t pid;
    bool sharesPids; ///< means the same processes by their numbers as we do
};

class Callers {
public:
    /// `sharesPids` is asked of a connection's process once, since no process changes its pid namespace.
    Callers(Connection& connection, std::function<bool(pid_t)> sharesPids)
        : connection_(connection), sharesPids_(std::move(sharesPids)) {}

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
    const std::function<bool(pid_t)> sharesPids_;
    /// A unique name belongs to one connection for the life of the bus, so what was learned stays true.
    std::unordered_map<std::string, Caller> known_;
};

} // namespace scopewright::bus
