// SPDX-License-Identifier: LGPL-2.1-or-later
#include "guest/agent.h"

#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace scopewright::integration {

namespace {

constexpr const char* kPath = "/org/scopewright/test/agent";
constexpr const char* kInterface = "org.freedesktop.PolicyKit1.AuthenticationAgent";

/// What tells this process from a later one with its number: the 22nd field of its stat.
std::uint64_t startTime() {
    std::ifstream file("/proc/self/stat");
    std::string line;
    std::getline(file, line);
    std::istringstream fields(line.substr(line.rfind(')') + 1));
    std::string field;
    for (int number = 3; number <= 22; ++number)
        fields >> field;
    return std::stoull(field);
}

} // namespace

Agent::Agent(const User& user) : user_(user) {
    sd_bus_slot* slot = nullptr;
    bus::check(sd_bus_add_object(client_.raw(), &slot, kPath, onCall, this), "be an agent");
    slot_.reset(slot);
    authority("RegisterAuthenticationAgent", [](sd_bus_message* m) {
        bus::check(sd_bus_message_append(m, "ss", "C", kPath), "be an agent");
    }).must();
}

Agent::~Agent() {
    try {
        authority("UnregisterAuthenticationAgent",
                  [](sd_bus_message* m) { bus::check(sd_bus_message_append(m, "s", kPath), "be no agent"); });
    } catch (const std::exception& error) {
        std::printf("cleaning up failed: %s\n", error.what());
    }
}

/// A call about the user's clients in this process. polkit has the user from the bus, and the process by its number.
Answer Agent::authority(const char* member, const std::function<void(sd_bus_message*)>& arguments) {
    const bus::Message call =
        bus::methodCall(client_.raw(), "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
                        "org.freedesktop.PolicyKit1.Authority", member);
    bus::check(sd_bus_message_append(call.raw(), "(sa{sv})", "unix-process", 3, "pid", "u",
                                     static_cast<std::uint32_t>(::getpid()), "start-time", "t", startTime(), "uid", "i",
                                     static_cast<std::int32_t>(user_.uid)),
               "name a process");
    arguments(call.raw());
    return client_.send(call);
}

int Agent::onCall(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept {
    Agent& self = *static_cast<Agent*>(userdata);
    try {
        if (sd_bus_message_is_method_call(message, kInterface, "BeginAuthentication") > 0) {
            self.take(bus::Message::share(message));
            return 1;
        }
        if (sd_bus_message_is_method_call(message, kInterface, "CancelAuthentication") > 0) {
            self.takenBack_.insert(std::get<0>(bus::unpack<std::string>(bus::Message::share(message))));
            return sd_bus_reply_method_return(message, "");
        }
    } catch (const std::exception& error) {
        std::printf("a question cannot be read: %s\n", error.what());
    }
    return 0;
}

void Agent::take(const bus::Message& call) {
    sd_bus_message* m = call.raw();
    const auto [action, message, icon] = bus::unpack<std::string, std::string, std::string>(call);
    bus::check(sd_bus_message_skip(m, "a{ss}"), "read a question");
    const auto [cookie] = bus::unpack<std::string>(call);
    asked_.push_back({action, message, cookie, call});
    ++count_;
}

void Agent::listen() {
    while (bus::check(sd_bus_process(client_.raw(), nullptr), "listen to polkit") > 0) {}
}

bool Agent::isTakenBack(const Question& question) {
    return eventually([&] {
        listen();
        return takenBack_.contains(question.cookie);
    });
}

std::size_t Agent::count() {
    // polkit's answer comes after all that it has sent before.
    client_.send(bus::methodCall(client_.raw(), "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
                                 "org.freedesktop.DBus.Peer", "Ping"));
    listen();
    return count_;
}

Agent::Question Agent::next() {
    if (!eventually([&] {
            listen();
            return !asked_.empty();
        }))
        throw std::runtime_error("polkit asks nobody");
    Question question = asked_.front();
    asked_.pop_front();
    return question;
}

void Agent::authenticate(const Question& question) {
    tryToAuthenticate(question).must();
}

Answer Agent::tryToAuthenticate(const Question& question) {
    const auto tell = [&](uid_t agent) {
        const bus::Message call =
            bus::methodCall(other_.raw(), "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
                            "org.freedesktop.PolicyKit1.Authority", "AuthenticationAgentResponse2");
        bus::check(sd_bus_message_append(call.raw(), "us(sa{sv})", agent, question.cookie.c_str(), "unix-user", 1,
                                         "uid", "u", 0U),
                   "answer a question");
        return other_.send(call);
    };
    // Whose agent it is: that of who has registered it, or, for a newer polkit, of whom it was registered for.
    Answer answer = tell(0);
    if (!answer.ok()) answer = tell(user_.uid);
    bus::check(sd_bus_reply_method_return(question.call.raw(), ""), "end a question");
    bus::check(sd_bus_flush(client_.raw()), "end a question");
    return answer;
}

void Agent::dismiss(const Question& question) {
    bus::check(sd_bus_reply_method_errorf(question.call.raw(), "org.freedesktop.PolicyKit1.Error.Cancelled",
                                          "nobody wants to"),
               "end a question");
    bus::check(sd_bus_flush(client_.raw()), "end a question");
}

} // namespace scopewright::integration
