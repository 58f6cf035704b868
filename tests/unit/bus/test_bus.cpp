// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bus/bus.h"

#include "catch.h"
#include "echo.h"

#include <map>

using namespace scopewright;
using scopewright::fake::Link;
using scopewright::unit::Echo;

namespace {

int refuseCall(sd_bus_message* m, void*, sd_bus_error*) noexcept {
    return sd_bus_reply_method_errorf(
        m, sd_bus_message_get_member(m)[0] == 'E' ? "org.freedesktop.systemd1.UnitExists" : "org.example.Odd",
        "Unit 'x'\nis odd");
}

int swallow(sd_bus_message*, void*, sd_bus_error*) noexcept {
    return 1;
}

bus::Message to(Link& link, const char* path, const char* member) {
    return bus::methodCall(link.connection().raw(), "org.example", path, "org.example", member);
}

async::Task<void> countAnswers(bus::Connection& connection, bus::Message request, int& answers) {
    bus::Message answer = co_await connection.call(request, Link::kPatience);
    if (answer.raw()) ++answers;
}

} // namespace

TEST_CASE("check hands good results back and throws bad ones") {
    CHECK(bus::check(0, "x") == 0);
    CHECK(bus::check(5, "x") == 5);
    REQUIRE_CODE(bus::check(-EIO, "x"), Io);
    REQUIRE_CODE(bus::check(-EACCES, "x"), AccessDenied);
}

TEST_CASE("what PID 1 and the bus call an error becomes the code that callers handle") {
    const std::map<std::string, ErrorCode> names{
        {"org.freedesktop.systemd1.UnitExists", ErrorCode::UnitExists},
        {"org.freedesktop.systemd1.NoSuchUnit", ErrorCode::NoSuchUnit},
        {"org.freedesktop.systemd1.UnitMasked", ErrorCode::NotFound},
        {"org.freedesktop.DBus.Error.PropertyReadOnly", ErrorCode::PropertyRefused},
        {"org.freedesktop.DBus.Error.InvalidArgs", ErrorCode::InvalidArgument},
        {"org.freedesktop.DBus.Error.UnixProcessIdUnknown", ErrorCode::ProcessUnknown},
        {"org.freedesktop.DBus.Error.AccessDenied", ErrorCode::AccessDenied},
        {"org.freedesktop.DBus.Error.LimitsExceeded", ErrorCode::LimitsExceeded},
        {"org.freedesktop.DBus.Error.NoReply", ErrorCode::NoReply},
        {"org.freedesktop.DBus.Error.Timeout", ErrorCode::NoReply},
        {"org.freedesktop.DBus.Error.TimedOut", ErrorCode::NoReply},
        {"org.freedesktop.DBus.Error.Disconnected", ErrorCode::NoReply},
        {"org.freedesktop.DBus.Error.ServiceUnknown", ErrorCode::SystemdUnavailable},
        {"org.freedesktop.DBus.Error.NameHasNoOwner", ErrorCode::SystemdUnavailable},
        {"System.Error.ENXIO", ErrorCode::Failed},
        {"", ErrorCode::Failed},
    };
    for (const auto& [name, code] : names) {
        CAPTURE(name);
        const sd_bus_error error{name.c_str(), "why", 0};
        CHECK(bus::toError(error).code() == code);
    }
}

TEST_CASE("an error without a text, or with a bad one, makes a safe message") {
    CHECK(std::string(bus::toError(sd_bus_error{"org.example.Odd", nullptr, 0}).what()).find("org.example.Odd") == 0);
    CHECK(std::string(bus::toError(sd_bus_error{nullptr, nullptr, 0}).what()).find('\n') == std::string::npos);
    CHECK(std::string(bus::toError(sd_bus_error{"a.b", "x\ny", 0}).what()).find('\n') == std::string::npos);
}

TEST_CASE("a message may be shared, moved and let go in any order") {
    Link link;
    bus::Message first = to(link, "/a", "A");
    bus::Message second = first;
    CHECK(second.raw() == first.raw());
    bus::Message third = std::move(first);
    CHECK(first.raw() == nullptr);
    second = third;
    third = bus::Message();
    CHECK(second.raw() != nullptr);
    bus::Message empty;
    bus::Message copy = empty;
    CHECK(copy.raw() == nullptr);
}

TEST_CASE("a call gives the answer") {
    Link link;
    Echo echo(link);
    bus::Message answer = echo.send("hello");
    std::string text;
    bus::read(answer.raw(), text);
    CHECK(text == "hello");
}

TEST_CASE("an error answer is thrown with its code and a safe message") {
    Link link;
    bus::check(sd_bus_add_object(link.peer(), nullptr, "/no", refuseCall, nullptr), "add");
    CHECK_CODE(link.await(link.connection().call(to(link, "/no", "Exists"), Link::kPatience)), UnitExists);
    CHECK_CODE(link.await(link.connection().call(to(link, "/no", "Odd"), Link::kPatience)), Failed);
    CHECK_CODE(link.await(link.connection().call(to(link, "/nothing", "X"), Link::kPatience)), NoSuchUnit);
    try {
        link.await(link.connection().call(to(link, "/no", "Odd"), Link::kPatience));
    } catch (const Error& error) {
        CHECK(std::string(error.what()) == "Unit 'x'\\x0ais odd (org.example.Odd)");
    }
}

TEST_CASE("a peer that never answers costs the timeout and no more") {
    Link link;
    bus::check(sd_bus_add_object(link.peer(), nullptr, "/mute", swallow, nullptr), "add");
    REQUIRE_CODE(link.await(link.connection().call(to(link, "/mute", "X"), std::chrono::milliseconds(20))), NoReply);
}

TEST_CASE("a call whose task is destroyed is forgotten, and its answer harms nobody") {
    Link link;
    Echo echo(link);
    int answers = 0;
    {
        async::Scope scope(Link::unexpected);
        for (int i = 0; i < 20; ++i)
            scope.spawn(countAnswers(link.connection(), echo.request(), answers));
        CHECK(scope.running() == 20);
    }
    link.settle();
    CHECK(answers == 0);
}

TEST_CASE("five hundred calls at once all get their own answer") {
    Link link;
    Echo echo(link);
    int answers = 0;
    async::Scope scope(Link::unexpected);
    for (int i = 0; i < 500; ++i)
        scope.spawn(countAnswers(link.connection(), echo.request(), answers));
    CHECK(link.until([&] { return answers == 500; }));
    CHECK(scope.running() == 0);
}

TEST_CASE("a peer that goes away ends the calls under way") {
    Link link;
    bus::check(sd_bus_add_object(link.peer(), nullptr, "/mute", swallow, nullptr), "add");
    async::Scope scope(Link::unexpected);
    int code = -1;
    const auto go = [](bus::Connection& connection, bus::Message request, int& result) -> async::Task<void> {
        try {
            co_await connection.call(request, Link::kPatience);
        } catch (const Error& error) {
            result = static_cast<int>(error.code());
        }
    };
    scope.spawn(go(link.connection(), to(link, "/mute", "X"), code));
    link.settle();
    sd_bus_close(link.peer());
    CHECK(link.until([&] { return code != -1; }));
    CHECK(code == static_cast<int>(ErrorCode::NoReply));
}
