// SPDX-License-Identifier: LGPL-2.1-or-later
#include "fake_polkit.h"

#include "bus/codec.h"

#include <stdexcept>
#include <utility>

namespace scopewright::fake {

namespace {

FakePolkit::Question read(sd_bus_message* m) {
    FakePolkit::Question question;
    const char* kind = "";
    const char* key = "";
    const char* sender = "";
    const char* action = "";
    bus::check(sd_bus_message_read(m, "(sa{sv})s", &kind, 1, &key, "s", &sender, &action), "read a question");
    if (std::string(kind) != "system-bus-name" || std::string(key) != "name")
        throw std::runtime_error("polkit is asked about somebody other than a connection");
    question.sender = sender;
    question.action = action;
    bus::check(sd_bus_message_enter_container(m, 'a', "{ss}"), "read details");
    const char* name = "";
    const char* value = "";
    while (bus::check(sd_bus_message_read(m, "{ss}", &name, &value), "read details") > 0)
        question.details[name] = value;
    bus::check(sd_bus_message_exit_container(m), "read details");
    std::uint32_t flags = 0;
    const char* id = "";
    bus::check(sd_bus_message_read(m, "us", &flags, &id), "read flags");
    question.interactive = (flags & 1) != 0;
    question.id = id;
    return question;
}

int send(sd_bus_message* reply) {
    int result = sd_bus_message_set_sender(reply, ":1.2");
    if (result >= 0) result = sd_bus_send(nullptr, reply, nullptr);
    sd_bus_message_unref(reply);
    return result < 0 ? result : 1;
}

int refuse(sd_bus_message* call, const char* name, const char* text) {
    sd_bus_message* reply = nullptr;
    const int result = sd_bus_message_new_method_errorf(call, &reply, name, "%s", text);
    return result < 0 ? result : send(reply);
}

} // namespace

void FakePolkit::attach(sd_bus* bus) {
    detach();
    bus_ = sd_bus_ref(bus);
    if (sd_bus_add_object(bus_, &slot_, "/org/freedesktop/PolicyKit1/Authority", onCall, this) < 0)
        throw std::runtime_error("cannot play polkit");
}

void FakePolkit::detach() {
    slot_ = sd_bus_slot_unref(slot_);
    bus_ = sd_bus_unref(bus_);
}

int FakePolkit::answer(sd_bus_message* call, Answer answer) {
    if (answer == Answer::Silence || answer == Answer::Later) return 1;
    if (answer == Answer::Error) return refuse(call, "org.freedesktop.PolicyKit1.Error.Failed", "cannot say");
    sd_bus_message* reply = nullptr;
    bus::check(sd_bus_message_new_method_return(call, &reply), "answer");
    if (answer == Answer::Garbage)
        bus::check(sd_bus_message_append(reply, "s", "yes"), "answer");
    else
        bus::check(sd_bus_message_append(reply, "(bba{ss})", answer == Answer::Yes, answer == Answer::Challenge, 0),
                   "answer");
    return send(reply);
}

void FakePolkit::answerNow(Answer answer) {
    const bus::Message call = std::exchange(held_, bus::Message());
    FakePolkit::answer(call.raw(), answer);
}

int FakePolkit::takeBack(sd_bus_message* call) {
    const char* id = "";
    bus::check(sd_bus_message_read(call, "s", &id), "read what is taken back");
    takenBack.emplace_back(id);
    if (cares && held_.raw() && heldId_ == id)
        refuse(std::exchange(held_, bus::Message()).raw(), "org.freedesktop.PolicyKit1.Error.Cancelled", "taken back");
    return 1;
}

int FakePolkit::onCall(sd_bus_message* m, void* userdata, sd_bus_error*) noexcept {
    FakePolkit& self = *static_cast<FakePolkit*>(userdata);
    if (!self.rule) return refuse(m, "org.freedesktop.DBus.Error.ServiceUnknown", "The name is not activatable");
    try {
        if (sd_bus_message_is_method_call(m, nullptr, "CancelCheckAuthorization") > 0) return self.takeBack(m);
        const Question question = read(m);
        self.questions.push_back(question);
        const Answer answer = self.rule(question);
        if (answer == Answer::Later) {
            self.held_ = bus::Message::share(m);
            self.heldId_ = question.id;
        }
        return FakePolkit::answer(m, answer);
    } catch (const std::exception& error) {
        return refuse(m, "org.freedesktop.DBus.Error.InvalidArgs", error.what());
    }
}

} // namespace scopewright::fake
