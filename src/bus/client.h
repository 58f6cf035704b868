// SPDX-License-Identifier: LGPL-2.1-or-later
// Who calls: the uid the bus vouches for. Never a lookup in /proc by pid, never an argument.
#pragma once

#include "bus/bus.h"

#include <sys/types.h>

#include <optional>
#include <string>
#include <unordered_map>

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

private:
    Connection& connection_;
    /// A unique name belongs to one connection for the life of the bus, so what was learned stays true.
    std::unordered_map<std::string, Caller> known_;
};

} // namespace scopewright::bus
