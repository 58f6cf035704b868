// SPDX-License-Identifier: LGPL-2.1-or-later
#include "floods.h"

#include <grp.h>
#include <unistd.h>

#include <cstdint>
#include <string>

namespace scopewright::integration {

namespace {

/// dbus-daemon lets a connection wait for 128 answers.
constexpr std::size_t kInFlight = 120;

template <class... Args>
bus::Message manager(const Client& client, const char* service, const char* member, const Args&... args) {
    return bus::methodCall(client.raw(), service, kManagerPath, kManager, member, args...);
}

bus::Message large(const Client& client, const char* service, const char* member) {
    const Properties properties(1, Property{"resources", std::string(60000, ' ')});
    return manager(client, service, member, properties, std::uint64_t{0});
}

// clang-format off
const std::vector<Flood> kFloods{
    {"calls of the bus", [](const Client& c, const char*) {
        return bus::methodCall(c.raw(), "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetId"); }},
    {"ListSandboxes", [](const Client& c, const char* s) { return manager(c, s, "ListSandboxes"); }},
    {"Describe", [](const Client& c, const char* s) { return manager(c, s, "Describe"); }},
    {"StopSandbox, of none", [](const Client& c, const char* s) { return manager(c, s, "StopSandbox", "0:n1"); }},
    {"CreateSandbox, refused", [](const Client& c, const char* s) {
        return manager(c, s, "CreateSandbox", "mine", Properties{{"PIDs", std::vector<std::uint32_t>{1}}}, std::uint64_t{0}); }},
    {"no such method", [](const Client& c, const char* s) { return manager(c, s, "Flood"); }},
    {"no such object", [](const Client& c, const char* s) {
        return bus::methodCall(c.raw(), s, "/org/scopewright1/sandbox/none", kSandbox, "Stop"); }},
    {"no such path", [](const Client& c, const char* s) { return bus::methodCall(c.raw(), s, "/none", kSandbox, "Stop"); }},
    {"GetManagedObjects", [](const Client& c, const char* s) {
        return bus::methodCall(c.raw(), s, kManagerPath, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects"); }},
    {"Explain, 60 kB", [](const Client& c, const char* s) { return large(c, s, "Explain"); }},
    {"no such method, 60 kB", [](const Client& c, const char* s) { return large(c, s, "Flood"); }},
    {"ListSandboxes, unanswered", [](const Client& c, const char* s) { return manager(c, s, "ListSandboxes"); }, false},
};
// clang-format on

} // namespace

const std::vector<Flood>& floods() {
    return kFloods;
}

void flood(const Client& client, const Flood& kind, const char* service) {
    std::size_t waiting = 0;
    const auto answered = [](sd_bus_message*, void* userdata, sd_bus_error*) {
        --*static_cast<std::size_t*>(userdata);
        return 0;
    };
    for (;;) {
        while (waiting < kInFlight) {
            const bus::Message call = kind.make(client, service);
            if (kind.wantsAnswers) {
                bus::check(sd_bus_call_async(client.raw(), nullptr, call.raw(), answered, &waiting, UINT64_MAX),
                           "call");
                ++waiting;
            } else {
                bus::check(sd_bus_message_set_expect_reply(call.raw(), 0), "expect no answer");
                bus::check(sd_bus_send(client.raw(), call.raw(), nullptr), "send");
                bus::check(sd_bus_flush(client.raw()), "send");
            }
        }
        if (bus::check(sd_bus_process(client.raw(), nullptr), "take an answer") == 0)
            bus::check(sd_bus_wait(client.raw(), UINT64_MAX), "wait for an answer");
    }
}

Child::Life floodAsFlooder(const Flood& kind) {
    return [&kind](const std::function<void()>& ready) {
        if (::setgroups(0, nullptr) < 0 || ::setresgid(kFlooder, kFlooder, kFlooder) < 0 ||
            ::setresuid(kFlooder, kFlooder, kFlooder) < 0)
            ::_exit(1);
        const Client client;
        ready();
        flood(client, kind, "org.scopewright1");
    };
}

} // namespace scopewright::integration
