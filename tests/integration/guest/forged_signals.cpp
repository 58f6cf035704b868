// SPDX-License-Identifier: LGPL-2.1-or-later
#include "guest/forged_signals.h"

#include <cstdarg>

namespace scopewright::integration {

namespace {

void sendSignal(const Client& client, const std::string& to, const char* path, const char* interface,
                const char* member, const char* types, ...) {
    sd_bus_message* raw = nullptr;
    bus::check(sd_bus_message_new_signal(client.raw(), &raw, path, interface, member), "make a signal");
    const bus::Message signal = bus::Message::adopt(raw);
    va_list values;
    va_start(values, types);
    const int appended = sd_bus_message_appendv(raw, types, values);
    va_end(values);
    bus::check(appended, "fill a signal");
    if (!to.empty()) bus::check(sd_bus_message_set_destination(raw, to.c_str()), "address a signal");
    bus::check(sd_bus_send(client.raw(), raw, nullptr), "send a signal");
}

} // namespace

void forgeSignals(const Client& client, const std::string& to, const Created& victim) {
    const char* const kPath = "/org/freedesktop/systemd1";
    const char* const kInterface = "org.freedesktop.systemd1.Manager";
    for (std::uint32_t job = 1; job < 400; job += 10)
        sendSignal(client, to, kPath, kInterface, "JobRemoved", "uoss", job,
                   ("/org/freedesktop/systemd1/job/" + std::to_string(job)).c_str(), victim.unit.c_str(), "failed");
    sendSignal(client, to, kPath, kInterface, "UnitRemoved", "so", victim.unit.c_str(), "/x");
    sendSignal(client, to, kPath, kInterface, "Reloading", "b", 0);
    sendSignal(client, to, "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged", "sss",
               "org.freedesktop.systemd1", "", ":1.99");
    sendSignal(client, to, "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged", "sss",
               "org.scopewright1", to.c_str(), "");
    client.bus("GetId").must();
}

} // namespace scopewright::integration
