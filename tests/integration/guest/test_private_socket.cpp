// SPDX-License-Identifier: LGPL-2.1-or-later
// What the daemon takes for granted of PID 1's own socket (docs/decisions/0016 and 0018), on a real PID 1.
#include "bus/codec.h"
#include "catch.h"
#include "guest/guest.h"

#include <chrono>
#include <cstdlib>
#include <string_view>

using namespace scopewright::integration;
using scopewright::Properties;
using scopewright::Property;
namespace bus = scopewright::bus;

namespace {

constexpr const char* kPid1 = "org.freedesktop.systemd1";
constexpr const char* kPid1Path = "/org/freedesktop/systemd1";
constexpr const char* kPid1Manager = "org.freedesktop.systemd1.Manager";

/// A connection to PID 1's socket, on which a scope is started and everything is written down that is said of it.
class Listener {
public:
    Listener(std::string unit, const Child& process) : unit_(std::move(unit)), process_(process) {
        sd_bus_slot* slot = nullptr;
        bus::check(sd_bus_add_filter(bus_.get(), &slot, onMessage, this), "look at messages");
        filter_.reset(slot);
    }

    void start() {
        bus::Message call = bus::methodCall(bus_.get(), kPid1, kPid1Path, kPid1Manager, "StartTransientUnit", unit_);
        bus::append(call.raw(), "fail");
        bus::append(call.raw(), Properties{{"Delegate", true},
                                           {"CollectMode", std::string("inactive-or-failed")},
                                           {"PIDs", numbers({&process_})}});
        bus::check(sd_bus_message_append(call.raw(), "a(sa(sv))", 0), "append no auxiliary units");
        bus::check(sd_bus_send(bus_.get(), call.raw(), nullptr), "start a scope");
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (!over && std::chrono::steady_clock::now() < end)
            if (bus::check(sd_bus_process(bus_.get(), nullptr), "take a message") == 0)
                bus::check(sd_bus_wait(bus_.get(), 1'000'000), "wait for a message");
    }

    bool over = false;          ///< PID 1 has said that the job is
    bool active = false;        ///< PID 1 has said so of the scope, before that
    std::string homeWhenActive; ///< where the process was then

private:
    static int onMessage(sd_bus_message* m, void* userdata, sd_bus_error*) noexcept {
        Listener& self = *static_cast<Listener*>(userdata);
        if (sd_bus_message_is_signal(m, kPid1Manager, "JobRemoved") > 0)
            self.jobRemoved(m);
        else if (sd_bus_message_is_signal(m, "org.freedesktop.DBus.Properties", "PropertiesChanged") > 0)
            self.changed(m);
        return 0;
    }

    void jobRemoved(sd_bus_message* m) {
        std::uint32_t id = 0;
        const char *job = "", *unit = "", *result = "";
        if (sd_bus_message_read(m, "uoss", &id, &job, &unit, &result) > 0 && unit == unit_) over = true;
    }

    void changed(sd_bus_message* m) {
        char* decoded = nullptr;
        if (sd_bus_path_decode(sd_bus_message_get_path(m), "/org/freedesktop/systemd1/unit", &decoded) <= 0) return;
        const bool ours = decoded == unit_;
        std::free(decoded);
        const char* interface = "";
        if (!ours || active || sd_bus_message_read(m, "s", &interface) <= 0) return;
        // They are more than a caller of ours may send at once.
        if (sd_bus_message_enter_container(m, 'a', "{sv}") <= 0) return;
        const char* name = "";
        while (sd_bus_message_enter_container(m, 'e', "sv") > 0 && sd_bus_message_read(m, "s", &name) > 0) {
            const char* state = "";
            if (std::string_view(name) != "ActiveState") {
                if (sd_bus_message_skip(m, "v") < 0) return;
            } else if (sd_bus_message_read(m, "v", "s", &state) > 0) {
                active = std::string_view(state) == "active";
            }
            if (sd_bus_message_exit_container(m) < 0) return;
        }
        if (active) homeWhenActive = process_.controlGroup();
    }

    const std::string unit_;
    const Child& process_;
    bus::BusHandle bus_ = connectToPid1();
    bus::Slot filter_;
};

} // namespace

TEST_CASE("PID 1 has moved a scope's processes and says so before it says that the start is over", "[machine]") {
    for (int round = 0; round < 5; ++round) {
        CAPTURE(round);
        const std::string unit = "told" + std::to_string(round) + ".scope";
        Child child;
        Listener listener(unit, child);
        listener.start();
        REQUIRE(listener.over);
        CHECK(listener.active);
        CHECK(listener.homeWhenActive.ends_with("/" + unit));
    }
}
