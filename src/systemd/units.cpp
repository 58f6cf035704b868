// SPDX-License-Identifier: LGPL-2.1-or-later
#include "systemd/units.h"

#include "base/log.h"
#include "bus/codec.h"

namespace scopewright::systemd {

namespace {

std::string managerSignal(const char* member) {
    return std::string("type='signal',sender='org.freedesktop.systemd1',path='/org/freedesktop/systemd1',"
                       "interface='org.freedesktop.systemd1.Manager',member='") +
           member + "'";
}

template <class Act>
int guarded(const char* what, Act act) noexcept {
    try {
        act();
    } catch (const std::exception& error) {
        log::warning(std::string("a ") + what + " signal could not be used: " + error.what());
    }
    return 0;
}

} // namespace

Units::Units(bus::Connection& connection, UnitsObserver& observer)
    : observer_(observer),
      unitRemoved_(connection.matchNow(managerSignal("UnitRemoved"), onUnitRemoved, this)),
      reloading_(connection.matchNow(managerSignal("Reloading"), onReloading, this)),
      newOwner_(connection.matchNow("type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                                    "interface='org.freedesktop.DBus',member='NameOwnerChanged',"
                                    "arg0='org.freedesktop.systemd1'",
                                    onNewOwner, this)) {}

int Units::onUnitRemoved(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept {
    return guarded("UnitRemoved", [&] {
        const auto [unit] = bus::unpack<std::string>(bus::Message::share(message));
        static_cast<Units*>(userdata)->observer_.recheck(unit);
    });
}

int Units::onReloading(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept {
    return guarded("Reloading", [&] {
        const auto [active] = bus::unpack<bool>(bus::Message::share(message));
        if (!active) static_cast<Units*>(userdata)->observer_.recheckAll();
    });
}

int Units::onNewOwner(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept {
    return guarded("NameOwnerChanged", [&] {
        const auto [name, before, now] =
            bus::unpack<std::string, std::string, std::string>(bus::Message::share(message));
        if (!now.empty()) static_cast<Units*>(userdata)->observer_.recheckAll();
    });
}

} // namespace scopewright::systemd
