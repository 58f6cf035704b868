// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bus/handler.h"

#include "async/completion.h"
#include "bus/codec.h"
#include "catch.h"
#include "link.h"

using namespace scopewright;
using scopewright::fake::Link;
using scopewright::fake::Pending;

namespace {

class Object {
public:
    explicit Object(bus::Connection& connection) : operations_(Link::unexpected) {
        static const sd_bus_vtable kTable[] = {
            SD_BUS_VTABLE_START(0),
            SD_BUS_METHOD("Now", "s", "s", bus::handle<&Object::now>, SD_BUS_VTABLE_UNPRIVILEGED),
            SD_BUS_METHOD("Later", "", "s", bus::handle<&Object::later>, SD_BUS_VTABLE_UNPRIVILEGED),
            SD_BUS_METHOD("Refuse", "", "", bus::handle<&Object::refuse>, SD_BUS_VTABLE_UNPRIVILEGED),
            SD_BUS_METHOD("Odd", "", "", bus::handle<&Object::odd>, SD_BUS_VTABLE_UNPRIVILEGED),
            SD_BUS_VTABLE_END,
        };
        sd_bus_slot* slot = nullptr;
        bus::check(sd_bus_add_object_vtable(connection.raw(), &slot, "/o", "org.example.O", kTable, this), "add");
        slot_.reset(slot);
    }

    async::Scope& operations() { return operations_; }
    int admit(const bus::Message&) const {
        if (full) throw Error(ErrorCode::LimitsExceeded, "no more");
        return 0;
    }

    bool full = false;

    async::Task<bus::Message> now(bus::Message call) {
        const auto [text] = bus::unpack<std::string>(call);
        co_return bus::methodReturn(call, text + "!");
    }

    async::Task<bus::Message> later(bus::Message call) {
        async::Completion<std::string> own;
        event = &own;
        std::string text = co_await own;
        event = nullptr;
        co_return bus::methodReturn(call, text);
    }

    async::Task<bus::Message> refuse(bus::Message) {
        throw Error(ErrorCode::NoSuchGroup, "100% of group 'g' is not there: %s %n");
        co_return bus::Message();
    }

    async::Task<bus::Message> odd(bus::Message) {
        throw std::out_of_range("an index\nof mine");
        co_return bus::Message();
    }

    async::Completion<std::string>* event = nullptr;

private:
    async::Scope operations_;
    bus::Slot slot_;
};

Pending ask(Link& link, const char* member) {
    return link.call(":1.7", "/o", "org.example.O", member);
}

} // namespace

TEST_CASE("a method that is a task answers with what it returns") {
    Link link;
    Object object(link.connection());
    Pending call = link.call(":1.7", "/o", "org.example.O", "Now", "hello");
    REQUIRE(link.until([&] { return call->done; }));
    CHECK(call->error.empty());
    CHECK(std::get<0>(call->values<std::string>()) == "hello!");
    CHECK(object.operations().running() == 0);
}

TEST_CASE("a method that waits answers when it is done, others meanwhile") {
    Link link;
    Object object(link.connection());
    Pending slow = ask(link, "Later");
    Pending fast = link.call(":1.8", "/o", "org.example.O", "Now", "x");
    REQUIRE(link.until([&] { return fast->done; }));
    CHECK_FALSE(slow->done);
    REQUIRE(object.event);
    object.event->complete("at last");
    REQUIRE(link.until([&] { return slow->done; }));
    CHECK(std::get<0>(slow->values<std::string>()) == "at last");
}

TEST_CASE("what a method throws is the error that the caller gets, its text word for word") {
    Link link;
    Object object(link.connection());
    Pending call = ask(link, "Refuse");
    REQUIRE(link.until([&] { return call->done; }));
    CHECK(call->error == "org.scopewright1.Error.NoSuchGroup");
    CHECK(call->text == "100% of group 'g' is not there: %s %n");
}

TEST_CASE("an exception that is not ours is Failed, and the daemon goes on") {
    Link link;
    Object object(link.connection());
    Pending call = ask(link, "Odd");
    REQUIRE(link.until([&] { return call->done; }));
    CHECK(call->error == "org.freedesktop.DBus.Error.Failed");
    Pending next = link.call(":1.7", "/o", "org.example.O", "Now", "x");
    REQUIRE(link.until([&] { return next->done; }));
    CHECK(next->error.empty());
}

TEST_CASE("the wrong signature never reaches the method") {
    Link link;
    Object object(link.connection());
    Pending call = link.call(":1.7", "/o", "org.example.O", "Now", std::uint32_t(5));
    REQUIRE(link.until([&] { return call->done; }));
    CHECK(call->error == "org.freedesktop.DBus.Error.InvalidArgs");
}

TEST_CASE("an object that goes with a method under way leaves nothing behind") {
    Link link;
    Pending call;
    {
        Object object(link.connection());
        call = ask(link, "Later");
        REQUIRE(link.until([&] { return object.event != nullptr; }));
    }
    link.settle();
    CHECK_FALSE(call->done);
}

TEST_CASE("a call that is not admitted is answered with the reason, and begins nothing") {
    Link link;
    Object object(link.connection());
    object.full = true;
    Pending call = link.call(":1.5", "/o", "org.example.O", "Now", "a");
    REQUIRE(link.until([&] { return call->done; }));
    CHECK(call->error == "org.freedesktop.DBus.Error.LimitsExceeded");
    CHECK(object.operations().spawned() == 0);
}
