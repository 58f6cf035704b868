// SPDX-License-Identifier: LGPL-2.1-or-later
// How the fake PID 1 talks: to a bus, and to those who came to its own socket.
#include "fake_systemd.h"

#include "bus/bus.h"

#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace scopewright::fake {

namespace {

constexpr const char* kName = "org.freedesktop.systemd1";
constexpr const char* kPath = "/org/freedesktop/systemd1";
constexpr const char* kManager = "org.freedesktop.systemd1.Manager";

} // namespace

std::string pathOf(const std::string& unit) {
    char* path = nullptr;
    bus::check(sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit.c_str(), &path), "encode a path");
    const std::string copy = path;
    std::free(path);
    return copy;
}

void FakeSystemd::attach(sd_bus* bus, bool direct) {
    detach();
    bus_ = sd_bus_ref(bus);
    direct_ = direct;
    bus::check(sd_bus_add_fallback(bus_, &slot_, kPath, onCall, this), "serve the bus");
}

void FakeSystemd::detach() {
    slot_ = sd_bus_slot_unref(slot_);
    bus_ = sd_bus_unref(bus_);
    subscribed_ = false;
}

void FakeSystemd::join(sd_bus* connection) {
    bus::check(sd_bus_add_fallback(connection, &guests_[connection], kPath, onCall, this), "serve a connection");
}

void FakeSystemd::leave(sd_bus* connection) {
    const auto found = guests_.find(connection);
    if (found == guests_.end()) return;
    sd_bus_slot_unref(found->second);
    guests_.erase(found);
}

int FakeSystemd::send(sd_bus_message* message, const char* sender) {
    // There are no unique names where there is no bus.
    if (sd_bus_message_get_bus(message) != bus_)
        bus::check(sd_bus_message_set_sender(message, kName), "sign a message");
    else if (direct_)
        bus::check(sd_bus_message_set_sender(message, sender), "sign a message");
    const int result = sd_bus_send(nullptr, message, nullptr);
    sd_bus_message_unref(message);
    return result < 0 ? result : 1;
}

int FakeSystemd::reply(sd_bus_message* call, const char* types, ...) {
    sd_bus_message* answer = nullptr;
    bus::check(sd_bus_message_new_method_return(call, &answer), "answer");
    if (types) {
        std::va_list arguments;
        va_start(arguments, types);
        const int result = sd_bus_message_appendv(answer, types, arguments);
        va_end(arguments);
        bus::check(result, "fill a message");
    }
    return send(answer, kUniqueName);
}

int FakeSystemd::refuse(sd_bus_message* call, const std::string& name, const std::string& why) {
    sd_bus_message* answer = nullptr;
    bus::check(sd_bus_message_new_method_errorf(call, &answer, name.c_str(), "%s", why.c_str()), "refuse");
    return send(answer, kUniqueName);
}

/// On the bus nobody hears of units who has not asked for it; jobs are told to who asked for them.
void FakeSystemd::emit(const char* sender, const char* member, const char* types, ...) {
    std::vector<sd_bus*> hearers;
    if (bus_ && (subscribed_ || std::strncmp(member, "Unit", 4) != 0)) hearers.push_back(bus_);
    if (std::strcmp(sender, kUniqueName) == 0)
        for (const auto& [connection, slot] : guests_)
            hearers.push_back(connection);
    for (sd_bus* hearer : hearers) {
        sd_bus_message* signal = nullptr;
        bus::check(sd_bus_message_new_signal(hearer, &signal, kPath, kManager, member), "make a signal");
        std::va_list arguments;
        va_start(arguments, types);
        const int result = sd_bus_message_appendv(signal, types, arguments);
        va_end(arguments);
        bus::check(result, "fill a message");
        send(signal, sender);
    }
}

/// PropertiesChanged of the unit, which comes before any word about its job.
void FakeSystemd::tellOf(const Unit& unit) {
    const std::string path = pathOf(unit.name);
    for (const auto& [connection, slot] : guests_) {
        sd_bus_message* signal = nullptr;
        bus::check(sd_bus_message_new_signal(connection, &signal, path.c_str(), "org.freedesktop.DBus.Properties",
                                             "PropertiesChanged"),
                   "make a signal");
        bus::check(sd_bus_message_append(signal, "sa{sv}as", "org.freedesktop.systemd1.Unit", 1, "ActiveState", "s",
                                         unit.activeState.c_str(), 0),
                   "fill a message");
        send(signal, kUniqueName);
    }
}

} // namespace scopewright::fake
