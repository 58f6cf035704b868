// SPDX-License-Identifier: LGPL-2.1-or-later
#include "systemd/units.h"

#include "base/log.h"
#include "bus/codec.h"

namespace scopewright::systemd {

namespace {

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

Units::Units(Link& link, UnitsObserver& observer)
    : observer_(observer),
      link_(link),
      unitRemoved_(link, "UnitRemoved", onUnitRemoved, this),
      reloading_(link, "Reloading", onReloading, this) {
    link.onReturn([&observer] { observer.recheckAll(); });
}

Units::~Units() {
    link_.onReturn({});
}

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

} // namespace scopewright::systemd
