// SPDX-License-Identifier: LGPL-2.1-or-later
// The way to a PID 1 that is reached through the bus alone.
#pragma once

#include "async/scope.h"
#include "systemd/link.h"

namespace scopewright::tests {

struct OnTheBus {
    explicit OnTheBus(bus::Connection& bus) : link(bus, "") {
        // Whether somebody answers to it is all the same here.
        opening.spawn(link.open(std::chrono::seconds(10)));
    }

    systemd::Link link;
    async::Scope opening{[](std::exception_ptr) noexcept {}};
};

} // namespace scopewright::tests
