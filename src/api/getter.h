// SPDX-License-Identifier: LGPL-2.1-or-later
// Property getters and list appenders that the objects share.
#pragma once

#include "bus/bus.h"
#include "limits/plan.h"

#include <cerrno>
#include <exception>
#include <vector>

namespace scopewright::api {

/// A property of an object that is always there.
template <class Object, auto kGetter>
int get(sd_bus*, const char*, const char*, const char*, sd_bus_message* reply, void* userdata, sd_bus_error*) noexcept {
    try {
        return kGetter(reply, *static_cast<const Object*>(userdata));
    } catch (const std::exception&) {
        return -EIO;
    }
}

/// As a(sss): key, reason, the systemd version that would take it.
void appendSkips(sd_bus_message* message, const std::vector<limits::Skip>& skips);

} // namespace scopewright::api
