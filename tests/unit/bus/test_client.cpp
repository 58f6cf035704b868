// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bus/client.h"

#include "bus_driver.h"
#include "catch.h"
#include "link.h"

#include <vector>

using namespace scopewright;
using scopewright::fake::BusDriver;
using scopewright::fake::Link;

namespace {

/// A link whose daemon end keeps every call it gets.
class Receiver {
public:
    Receiver() {
        driver.attach(link.peer());
        sd_bus_slot* slot = nullptr;
        bus::check(sd_bus_add_object(link.connection().raw(), &slot, "/x", keep, this), "add");
        slot_.reset(slot);
    }

    bus::Message callFrom(const std::string& sender) {
        call_ = bus::Message();
        pending_ = link.call(sender, "/x", "org.example", "Call");
        if (!link.until([&] { return call_.raw() != nullptr; })) throw std::runtime_error("the call did not arrive");
        return call_;
    }

    Link link;
    BusDriver driver;
    std::vector<pid_t> looked; ///< whose pid namespace was looked at; 42's is ours
    bus::Callers callers{link.connection(), [this](pid_t pid) {
                             looked.push_back(pid);
                             return pid == 42;
                         }};

private:
    static int keep(sd_bus_message* m, void* userdata, sd_bus_error*) noexcept {
        static_cast<Receiver*>(userdata)->call_ = bus::Message::share(m);
        return 1;
    }

    bus::Slot slot_;
    bus::Message call_;
    fake::Pending pending_;
};

} // namespace

TEST_CASE("a caller is who the bus says it is", "[attack-48]") {
    Receiver here;
    here.driver.clients = {{":1.7", {1000, 42}}, {":1.8", {0, 43}}};
    const bus::Caller user = here.link.await(here.callers.identify(here.callFrom(":1.7")));
    CHECK(user.uid == 1000);
    CHECK(user.pid == 42);
    CHECK(here.link.await(here.callers.identify(here.callFrom(":1.8"))).uid == 0);
}

TEST_CASE("a caller whom the bus does not know is nobody, never root", "[attack-47]") {
    Receiver here;
    REQUIRE_CODE(here.link.await(here.callers.identify(here.callFrom(":1.9"))), AccessDenied);
}

TEST_CASE("a bus without an answer about the caller lets nobody in", "[attack-47]") {
    Receiver here;
    here.driver.detach();
    REQUIRE_CODE(here.link.await(here.callers.identify(here.callFrom(":1.7"))), AccessDenied);
}

TEST_CASE("the bus is asked once about each name") {
    Receiver here;
    here.driver.clients = {{":1.7", {1000, 42}}};
    here.link.await(here.callers.identify(here.callFrom(":1.7")));
    here.link.await(here.callers.identify(here.callFrom(":1.7")));
    CHECK(here.driver.questions == 1);
    CHECK(here.looked == std::vector<pid_t>{42});
}

TEST_CASE("who lives in another pid namespace is known as such") {
    Receiver here;
    here.driver.clients = {{":1.7", {1000, 42}}, {":1.8", {1000, 43}}};
    CHECK(here.link.await(here.callers.identify(here.callFrom(":1.7"))).sharesPids);
    CHECK_FALSE(here.link.await(here.callers.identify(here.callFrom(":1.8"))).sharesPids);
    CHECK_FALSE(here.callers.known(":1.8")->sharesPids);
}

TEST_CASE("a failed question is asked again") {
    Receiver here;
    CHECK_CODE(here.link.await(here.callers.identify(here.callFrom(":1.7"))), AccessDenied);
    here.driver.clients = {{":1.7", {1000, 42}}};
    CHECK(here.link.await(here.callers.identify(here.callFrom(":1.7"))).uid == 1000);
}

TEST_CASE("thousands of callers do not fill the memory of who they are") {
    Receiver here;
    for (std::uint32_t i = 0; i < 1100; ++i) {
        const std::string name = ":1." + std::to_string(100 + i);
        here.driver.clients = {{name, {i, 1}}};
        REQUIRE(here.link.await(here.callers.identify(here.callFrom(name))).uid == i);
    }
}
