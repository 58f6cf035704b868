// SPDX-License-Identifier: LGPL-2.1-or-later
// PID 1's signals about units, each turned into "look at this unit again". A signal is a hint: anyone on the bus can
// send one that looks like PID 1's, so nothing is concluded from it.
#pragma once

#include "systemd/link.h"

#include <string>

namespace scopewright::systemd {

class UnitsObserver {
public:
    virtual void recheck(const std::string& unit) = 0;
    virtual void recheckAll() = 0;
    /// PID 1 has carried out a job for somebody else: an administrator's stop, most of all.
    virtual void jobDone(const std::string& unit) = 0;

protected:
    ~UnitsObserver() = default;
};

class Units {
public:
    Units(Link& link, UnitsObserver& observer);
    Units(Units&&) = delete;
    ~Units();

private:
    static int onUnitRemoved(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept;
    static int onReloading(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept;

    UnitsObserver& observer_;
    Link& link_;
    Link::Watch unitRemoved_;
    Link::Watch reloading_;
};

} // namespace scopewright::systemd
