// SPDX-License-Identifier: LGPL-2.1-or-later
// A member function that returns Task<Message> as a vtable entry: spawn it, send its reply, turn what it throws into
// an error reply. This is one of the places where errors end.
#pragma once

#include "async/scope.h"
#include "base/log.h"
#include "bus/bus.h"

#include <exception>
#include <string>
#include <type_traits>

namespace scopewright::bus {

inline void replyWithError(const Message& call, ErrorCode code, const char* text) noexcept {
    const std::string name(dbusName(code));
    sd_bus_reply_method_errorf(call.raw(), name.c_str(), "%s", text);
}

namespace detail {

template <class T>
struct ObjectOf;
template <class Object>
struct ObjectOf<async::Task<Message> (Object::*)(Message)> {
    using Type = Object;
};

template <class Object, class Method, class Ticket>
async::Task<void> answer(Object& object, Method method, Message call, Ticket ticket) {
    static_cast<void>(ticket); // held until the call is answered
    try {
        Message reply = co_await (object.*method)(call);
        check(sd_bus_message_send(reply.raw()), "send a reply");
    } catch (const Error& error) {
        replyWithError(call, error.code(), error.what());
    } catch (const std::exception& error) {
        log::error(std::string("unexpected error: ") + printable(error.what()));
        replyWithError(call, ErrorCode::Failed, error.what());
    }
}

} // namespace detail

/// `object.operations()` must give the async::Scope in which the method's task runs, `object.admit(call)` something
/// that is kept until the call is answered; what it throws is the answer.
template <auto kMethod>
int handle(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept {
    using Object = typename detail::ObjectOf<decltype(kMethod)>::Type;
    Object& object = *static_cast<Object*>(userdata);
    Message call = Message::share(message);
    try {
        object.operations().spawn(detail::answer(object, kMethod, call, object.admit(call)));
    } catch (const Error& error) {
        replyWithError(call, error.code(), error.what());
    }
    return 1;
}

} // namespace scopewright::bus
