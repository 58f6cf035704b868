// SPDX-License-Identifier: LGPL-2.1-or-later
// An object on the far end of a link that answers every call with the call's own arguments.
#pragma once

#include "link.h"

namespace scopewright::unit {

class Echo {
public:
    explicit Echo(fake::Link& link) : link_(link) {
        sd_bus_slot* slot = nullptr;
        bus::check(sd_bus_add_object(link.peer(), &slot, "/echo", onCall, nullptr), "add the echo");
        slot_.reset(slot);
    }

    /// `args` as they come back; the connection is the daemon's.
    template <class... Args>
    bus::Message send(const Args&... args) {
        return link_.await(link_.connection().call(request(args...), fake::Link::kPatience));
    }

    template <class... Args>
    bus::Message request(const Args&... args) {
        return bus::methodCall(link_.connection().raw(), "org.example.Echo", "/echo", "org.example.Echo", "Echo",
                               args...);
    }

private:
    static int onCall(sd_bus_message* m, void*, sd_bus_error*) noexcept {
        sd_bus_message* reply = nullptr;
        int result = sd_bus_message_new_method_return(m, &reply);
        if (result >= 0) result = sd_bus_message_copy(reply, m, 1);
        if (result >= 0) result = sd_bus_send(nullptr, reply, nullptr);
        sd_bus_message_unref(reply);
        return result;
    }

    fake::Link& link_;
    bus::Slot slot_;
};

} // namespace scopewright::unit
