// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client.h"

#include "wait.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>

namespace scopewright::integration {

namespace {

std::uint64_t microseconds(std::chrono::microseconds time) {
    return static_cast<std::uint64_t>(time.count());
}

bus::BusHandle connect(uid_t uid) {
    // The bus takes the credentials of the moment of connect(2).
    if (uid != 0 && ::seteuid(uid) < 0) throw std::runtime_error("cannot become another uid");
    sd_bus* raw = nullptr;
    const int opened = sd_bus_open_system(&raw);
    bus::BusHandle bus(raw);
    const char* name = nullptr;
    // Waits until the bus has let us in.
    const int named = opened < 0 ? opened : sd_bus_get_unique_name(raw, &name);
    if (uid != 0 && ::seteuid(0) < 0) std::abort();
    bus::check(named, "connect to the bus");
    return bus;
}

} // namespace

const Answer& Answer::must() const {
    if (!ok()) throw std::runtime_error("a call failed: " + error + ": " + text);
    return *this;
}

bus::BusHandle connectToPid1() {
    sd_bus* raw = nullptr;
    bus::check(sd_bus_new(&raw), "make a connection");
    bus::BusHandle bus(raw);
    bus::check(sd_bus_set_address(raw, "unix:path=/run/systemd/private"), "name PID 1's socket");
    bus::check(sd_bus_start(raw), "connect to PID 1");
    return bus;
}

Client::Client(uid_t uid) : bus_(connect(uid)) {}

std::string Client::name() const {
    const char* name = nullptr;
    bus::check(sd_bus_get_unique_name(raw(), &name), "learn our name");
    return name;
}

Answer Client::send(const bus::Message& request) const {
    sd_bus_error error{};
    sd_bus_message* reply = nullptr;
    const int result = sd_bus_call(raw(), request.raw(), microseconds(2 * patience()), &error, &reply);
    Answer answer{bus::Message::adopt(reply), "", ""};
    if (result < 0) {
        answer.error = error.name ? error.name : "no error name";
        answer.text = error.message ? error.message : "";
    }
    sd_bus_error_free(&error);
    return answer;
}

Properties dictionaryIn(const Answer& answer) {
    sd_bus_message* m = answer.must().reply.raw();
    Properties properties;
    if (sd_bus_message_has_signature(m, "v"))
        bus::check(sd_bus_message_enter_container(m, 'v', "a{sv}"), "read a dictionary");
    bus::check(sd_bus_message_enter_container(m, 'a', "{sv}"), "read a dictionary");
    while (bus::check(sd_bus_message_enter_container(m, 'e', "sv"), "read a dictionary") > 0) {
        const auto [name, value] = bus::unpack<std::string, Value>(answer.reply);
        properties.push_back({name, value});
        bus::check(sd_bus_message_exit_container(m), "read a dictionary");
    }
    bus::check(sd_bus_message_exit_container(m), "read a dictionary");
    return properties;
}

Properties Client::properties(const std::string& path, const char* interface) const {
    return dictionaryIn(call(path, kProperties, "GetAll", interface));
}

std::string Client::owner(const char* name) const {
    const Answer answer = bus("GetNameOwner", name);
    return answer.ok() ? std::get<0>(answer.get<std::string>()) : "";
}

Pending::Pending(const Client& client, const bus::Message& request) : client_(client) {
    sd_bus_slot* slot = nullptr;
    bus::check(sd_bus_call_async(client.raw(), &slot, request.raw(), onReply, this, microseconds(2 * patience())),
               "send a call");
    slot_.reset(slot);
    bus::check(sd_bus_flush(client.raw()), "send a call");
}

int Pending::onReply(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept {
    Pending& self = *static_cast<Pending*>(userdata);
    self.over_ = true;
    self.answer_.reply = bus::Message::share(message);
    if (const sd_bus_error* error = sd_bus_message_get_error(message)) {
        self.answer_.error = error->name ? error->name : "no error name";
        self.answer_.text = error->message ? error->message : "";
    }
    return 0;
}

const Answer& Pending::wait() {
    while (!over_) {
        const int worked = bus::check(sd_bus_process(client_.raw(), nullptr), "wait for an answer");
        if (worked == 0) bus::check(sd_bus_wait(client_.raw(), microseconds(patience())), "wait for an answer");
    }
    return answer_;
}

Recorder::Recorder(const std::string& rule) {
    sd_bus_slot* slot = nullptr;
    bus::check(sd_bus_add_match(client_.raw(), &slot, rule.c_str(), onSignal, this), "listen to signals");
    slot_.reset(slot);
}

int Recorder::onSignal(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept {
    const auto text = [](const char* word) { return std::string(word ? word : ""); };
    static_cast<Recorder*>(userdata)->heard_.push_back(
        Signal{text(sd_bus_message_get_path(message)), text(sd_bus_message_get_interface(message)),
               text(sd_bus_message_get_member(message)), bus::Message::share(message)});
    return 0;
}

std::size_t Recorder::count(const Filter& filter) {
    // Once the bus has answered, everything that was sent before has arrived.
    client_.bus("GetId").must();
    while (bus::check(sd_bus_process(client_.raw(), nullptr), "hear signals") > 0) {}
    return static_cast<std::size_t>(std::count_if(heard_.begin(), heard_.end(), filter));
}

bool Recorder::hears(const Filter& filter) {
    return eventually([&] { return count(filter) > 0; });
}

bool Recorder::hears(const std::string& path, const std::string& member) {
    return hears([&](const Signal& signal) { return signal.path == path && signal.member == member; });
}

Properties valueOfDictionary(const Client& client, const std::string& path, const char* interface, const char* name) {
    return dictionaryIn(client.call(path, kProperties, "Get", interface, name));
}

std::string textOf(const Properties& properties, std::string_view name) {
    return valueOf<std::string>(properties, name);
}

} // namespace scopewright::integration
