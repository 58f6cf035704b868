// SPDX-License-Identifier: LGPL-2.1-or-later
#include "guest/world.h"

namespace scopewright::integration {

model::World worldOf(const Guest& guest) {
    model::World world;
    world.root = directory("");
    world.slice = "/scopewright.slice";
    world.enforces = true;
    world.daemon = [&guest] { return guest.daemonPid(); };
    world.crash = [&guest] { guest.killDaemon(); };
    world.leave = [&guest] { guest.stopDaemon(); };
    world.reload = [&guest] { guest.systemd.reload(); };
    world.end = [&guest](const std::string& unit) { guest.systemd.stop(unit); };
    return world;
}

} // namespace scopewright::integration
