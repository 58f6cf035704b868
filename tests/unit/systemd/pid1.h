// SPDX-License-Identifier: LGPL-2.1-or-later
// The way to a PID 1 that is reached through the bus alone, and notes of what is heard from one.
#pragma once

#include "async/scope.h"
#include "systemd/link.h"
#include "systemd/units.h"

#include <string>
#include <vector>

namespace scopewright::tests {

struct OnTheBus {
    explicit OnTheBus(bus::Connection& bus) : link(bus, "") {
        // Whether somebody answers to it is all the same here.
        opening.spawn(link.open(std::chrono::seconds(10)));
    }

    systemd::Link link;
    async::Scope opening{[](std::exception_ptr) noexcept {}};
};

/// Which units were to be looked at again, and how often all of them.
class Notes : public systemd::UnitsObserver {
public:
    void recheck(const std::string& unit) override { units.push_back(unit); }
    void recheckAll() override { ++all; }
    void jobDone(const std::string& unit) override { units.push_back("done " + unit); }

    std::vector<std::string> units;
    int all = 0;
};

} // namespace scopewright::tests
