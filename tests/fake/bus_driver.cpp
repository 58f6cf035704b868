// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bus_driver.h"

#include <stdexcept>

namespace scopewright::fake {

namespace {

constexpr const char* kName = "org.freedesktop.DBus";
constexpr const char* kPath = "/org/freedesktop/DBus";

int answer(sd_bus_message* reply) {
    int result = sd_bus_message_set_sender(reply, kName);
    if (result >= 0) result = sd_bus_send(nullptr, reply, nullptr);
    sd_bus_message_unref(reply);
    return result < 0 ? result : 1;
}

int refuse(sd_bus_message* call, const char* error, const std::string& name) {
    sd_bus_message* reply = nullptr;
    const int result = sd_bus_message_new_method_errorf(call, &reply, error,
                                                        "Could not get owner of name '%s': no such name", name.c_str());
    return result < 0 ? result : answer(reply);
}

} // namespace

void BusDriver::attach(sd_bus* bus) {
    detach();
    bus_ = sd_bus_ref(bus);
    if (sd_bus_add_object(bus_, &slot_, kPath, onCall, this) < 0) throw std::runtime_error("cannot play the bus");
}

void BusDriver::detach() {
    slot_ = sd_bus_slot_unref(slot_);
    bus_ = sd_bus_unref(bus_);
}

void BusDriver::leave(const std::string& name) {
    clients.erase(name);
    ownerChanged(name, name, "");
}

void BusDriver::ownerChanged(const std::string& name, const std::string& before, const std::string& after) {
    sd_bus_message* signal = nullptr;
    if (sd_bus_message_new_signal(bus_, &signal, kPath, kName, "NameOwnerChanged") < 0 ||
        sd_bus_message_append(signal, "sss", name.c_str(), before.c_str(), after.c_str()) < 0)
        throw std::runtime_error("cannot make a signal");
    answer(signal);
}

int BusDriver::onCall(sd_bus_message* m, void* userdata, sd_bus_error*) noexcept {
    BusDriver& self = *static_cast<BusDriver*>(userdata);
    const std::string member = sd_bus_message_get_member(m);
    const char* argument = "";
    if (sd_bus_message_read(m, "s", &argument) < 0) return 0;
    const std::string name = argument;
    sd_bus_message* reply = nullptr;
    if (sd_bus_message_new_method_return(m, &reply) < 0) return -ENOMEM;
    const auto client = self.clients.find(name);
    const auto owner = self.owners.find(name);
    const bool known = client != self.clients.end();
    if (member == "NameHasOwner") {
        sd_bus_message_append(reply, "b", known || owner != self.owners.end());
        return answer(reply);
    }
    if (member == "GetNameOwner" && (known || owner != self.owners.end())) {
        sd_bus_message_append(reply, "s", known ? name.c_str() : owner->second.c_str());
        return answer(reply);
    }
    if (member == "GetConnectionCredentials" && known) {
        ++self.questions;
        sd_bus_message_append(reply, "a{sv}", 3, "ProcessID", "u", client->second.pid, "UnixGroupIDs", "au", 1,
                              client->second.uid, "UnixUserID", "u", client->second.uid);
        return answer(reply);
    }
    sd_bus_message_unref(reply);
    return refuse(m, "org.freedesktop.DBus.Error.NameHasNoOwner", name);
}

} // namespace scopewright::fake
