// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bus/bus.h"

#include "async/completion.h"

#include <array>
#include <cerrno>
#include <string_view>

namespace scopewright::bus {

namespace {

struct PeerError {
    std::string_view name;
    ErrorCode code;
};

// clang-format off
constexpr std::array kPeerErrors{
    PeerError{"org.freedesktop.systemd1.UnitExists",             ErrorCode::UnitExists},
    PeerError{"org.freedesktop.systemd1.NoSuchUnit",             ErrorCode::NoSuchUnit},
    PeerError{"org.freedesktop.systemd1.NoUnitForPID",           ErrorCode::NoSuchUnit},
    PeerError{"org.freedesktop.systemd1.UnitMasked",             ErrorCode::NotFound},
    PeerError{"org.freedesktop.DBus.Error.PropertyReadOnly",     ErrorCode::PropertyRefused},
    PeerError{"org.freedesktop.DBus.Error.InvalidArgs",          ErrorCode::InvalidArgument},
    PeerError{"org.freedesktop.DBus.Error.UnixProcessIdUnknown", ErrorCode::ProcessUnknown},
    PeerError{"org.freedesktop.DBus.Error.FileNotFound",         ErrorCode::NotFound},
    PeerError{"org.freedesktop.DBus.Error.UnknownObject",        ErrorCode::NoSuchUnit},
    PeerError{"org.freedesktop.DBus.Error.UnknownMethod",        ErrorCode::NotSupported},
    PeerError{"org.freedesktop.DBus.Error.AccessDenied",         ErrorCode::AccessDenied},
    PeerError{"org.freedesktop.DBus.Error.LimitsExceeded",       ErrorCode::LimitsExceeded},
    PeerError{"org.freedesktop.DBus.Error.NoReply",              ErrorCode::NoReply},
    PeerError{"org.freedesktop.DBus.Error.Timeout",              ErrorCode::NoReply},
    PeerError{"org.freedesktop.DBus.Error.TimedOut",             ErrorCode::NoReply},
    PeerError{"org.freedesktop.DBus.Error.Disconnected",         ErrorCode::NoReply},
    PeerError{"org.freedesktop.DBus.Error.ServiceUnknown",       ErrorCode::SystemdUnavailable},
    PeerError{"org.freedesktop.DBus.Error.NameHasNoOwner",       ErrorCode::SystemdUnavailable},
};
// clang-format on

int onReply(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept {
    async::Completion<Message>& reply = *static_cast<async::Completion<Message>*>(userdata);
    if (const sd_bus_error* error = sd_bus_message_get_error(message))
        reply.fail(std::make_exception_ptr(toError(*error)));
    else
        reply.complete(Message::share(message));
    return 0;
}

} // namespace

int check(int result, std::string_view what) {
    if (result < 0) throw errnoError(what, -result);
    return result;
}

Error toError(const sd_bus_error& error) {
    const std::string_view name = error.name ? error.name : "";
    const std::string message = printable(error.message ? error.message : name);
    for (const PeerError& row : kPeerErrors)
        if (row.name == name) return Error(row.code, message);
    return Error(ErrorCode::Failed, message + " (" + printable(name) + ")");
}

Connection::Connection(BusHandle bus, sd_event* event) : bus_(std::move(bus)), event_(event) {
    check(sd_bus_attach_event(bus_.get(), event_, SD_EVENT_PRIORITY_NORMAL), "attach the bus to the event loop");
}

async::Task<Message> Connection::call(Message request, std::chrono::microseconds timeout) {
    async::Completion<Message> reply;
    sd_bus_slot* slot = nullptr;
    check(sd_bus_call_async(raw(), &slot, request.raw(), onReply, &reply, static_cast<std::uint64_t>(timeout.count())),
          "send a method call");
    Slot pending(slot);
    Message answer = co_await reply;
    co_return answer;
}

Slot Connection::matchNow(const std::string& rule, sd_bus_message_handler_t callback, void* userdata) {
    sd_bus_slot* slot = nullptr;
    check(sd_bus_add_match(raw(), &slot, rule.c_str(), callback, userdata), "add a match rule");
    return Slot(slot);
}

Slot Connection::matchSoon(const std::string& rule, sd_bus_message_handler_t callback, void* userdata) {
    sd_bus_slot* slot = nullptr;
    check(sd_bus_add_match_async(raw(), &slot, rule.c_str(), callback, nullptr, userdata), "add a match rule");
    return Slot(slot);
}

} // namespace scopewright::bus
