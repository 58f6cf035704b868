// SPDX-License-Identifier: LGPL-2.1-or-later
#include "api/getter.h"

namespace scopewright::api {

void appendSkips(sd_bus_message* message, const std::vector<limits::Skip>& skips) {
    bus::check(sd_bus_message_open_container(message, 'a', "(sss)"), "append skips");
    for (const limits::Skip& skip : skips)
        bus::check(sd_bus_message_append(message, "(sss)", skip.key.c_str(), limits::reason(skip).c_str(),
                                         limits::since(skip).c_str()),
                   "append skips");
    bus::check(sd_bus_message_close_container(message), "append skips");
}

} // namespace scopewright::api
