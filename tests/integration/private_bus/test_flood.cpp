// SPDX-License-Identifier: LGPL-2.1-or-later
// What a flood of one user's calls costs another one. It is measured and told, not judged: how fast a machine is, and
// what else it does, is nothing that a test should fail for.
#include "catch.h"
#include "private_bus/private_bus.h"
#include "wait.h"

#include <grp.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>

using namespace scopewright::integration;
using scopewright::Properties;
using scopewright::Property;
namespace bus = scopewright::bus;

namespace {

constexpr uid_t kFlooder = 65534;
constexpr const char* kPolicy =
    "<policy user=\"65534\"><allow send_destination=\"org.scopewright1\" send_type=\"method_call\"/></policy>";

/// dbus-daemon lets a connection wait for 128 answers.
constexpr std::size_t kInFlight = 120;

using Make = bus::Message (*)(const Client&);

struct Flood {
    const char* name;
    Make make; ///< nothing for none
    bool wantsAnswers = true;
};

bus::Message large(const Client& client, const char* member) {
    const Properties properties(1, Property{"resources", std::string(60000, ' ')});
    return client.request(kManagerPath, kManager, member, properties, std::uint64_t{0});
}

// clang-format off
const std::vector<Flood> kFloods{
    {"none", nullptr},
    {"calls of the bus", [](const Client& c) {
        return bus::methodCall(c.raw(), "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetId"); }},
    {"ListSandboxes", [](const Client& c) { return c.request(kManagerPath, kManager, "ListSandboxes"); }},
    {"Describe", [](const Client& c) { return c.request(kManagerPath, kManager, "Describe"); }},
    {"StopSandbox, of none", [](const Client& c) { return c.request(kManagerPath, kManager, "StopSandbox", "0:n1"); }},
    {"CreateSandbox, refused", [](const Client& c) {
        return c.request(kManagerPath, kManager, "CreateSandbox", "mine", Properties{{"PIDs", std::vector<std::uint32_t>{1}}}, std::uint64_t{0}); }},
    {"no such method", [](const Client& c) { return c.request(kManagerPath, kManager, "Flood"); }},
    {"no such object", [](const Client& c) { return c.request("/org/scopewright1/sandbox/none", kSandbox, "Stop"); }},
    {"GetManagedObjects", [](const Client& c) { return c.request(kManagerPath, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects"); }},
    {"Explain, 60 kB", [](const Client& c) { return large(c, "Explain"); }},
    {"no such method, 60 kB", [](const Client& c) { return large(c, "Flood"); }},
    {"ListSandboxes, unanswered", [](const Client& c) { return c.request(kManagerPath, kManager, "ListSandboxes"); }, false},
};
// clang-format on

/// Sends as much as the bus takes, for ever.
void flood(const Flood& kind) {
    if (::setgroups(0, nullptr) < 0 || ::setresgid(kFlooder, kFlooder, kFlooder) < 0 ||
        ::setresuid(kFlooder, kFlooder, kFlooder) < 0)
        ::_exit(1);
    const Client client(::geteuid() == kFlooder ? 0 : kFlooder);
    std::size_t waiting = 0;
    const auto answered = [](sd_bus_message*, void* userdata, sd_bus_error*) {
        --*static_cast<std::size_t*>(userdata);
        return 0;
    };
    for (;;) {
        while (waiting < kInFlight) {
            const bus::Message call = kind.make(client);
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

struct Times {
    double median = 0;
    double slowest = 0; ///< but for one in a hundred
};

/// In microseconds, of so many or of as many as there are in some seconds; one that has no answer is the last.
Times measure(int count, const std::function<bool(int)>& act, const std::function<void(int)>& afterwards = {}) {
    std::vector<double> taken;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(4);
    for (int i = 0; i < count && std::chrono::steady_clock::now() < end; ++i) {
        const auto begun = std::chrono::steady_clock::now();
        const bool answered = act(i);
        taken.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begun).count());
        if (!answered) break;
        if (afterwards) afterwards(i);
    }
    std::sort(taken.begin(), taken.end());
    return Times{taken[taken.size() / 2], taken[taken.size() * 99 / 100]};
}

} // namespace

TEST_CASE("what a flood of one user's calls costs another one", "[.flood]") {
    PrivateBus bus("252.39-1~deb12u2", kPolicy);
    const std::unique_ptr<Program> daemon = bus.start();
    Client client;
    std::vector<std::unique_ptr<Child>> children;
    for (int i = 0; i < 20; ++i) {
        children.push_back(std::make_unique<Child>());
        create(client, "n" + std::to_string(i), *children.back());
    }
    std::map<std::string, Times> quiet;
    int made = 0;
    std::printf("microseconds, median / 99 of 100\n%-28s", "flood");
    for (const char* call : {"bus GetId", "ListSandboxes", "Describe", "CreateSandbox"})
        std::printf(" %22s", call);
    std::printf("\n");
    for (const Flood& kind : kFloods) {
        std::vector<std::unique_ptr<Child>> flooders;
        for (int i = 0; kind.make && i < 2; ++i)
            flooders.push_back(std::make_unique<Child>([&kind](const std::function<void()>& ready) {
                ready();
                flood(kind);
            }));
        std::printf("%-28s", kind.name);
        const auto tell = [&](const std::string& call, const Times& times) {
            if (!kind.make) quiet[call] = times;
            std::printf(" %6.0f %7.0f %4.1fx", times.median, times.slowest, times.median / quiet[call].median);
            std::fflush(stdout);
        };
        tell("GetId", measure(300, [&](int) { return client.bus("GetId").ok(); }));
        tell("List", measure(300, [&](int) { return client.manager("ListSandboxes").ok(); }));
        tell("Describe", measure(100, [&](int) { return client.manager("Describe").ok(); }));
        std::unique_ptr<Child> child = std::make_unique<Child>();
        const auto make = [&](int) {
            const Properties properties{{"PIDs", numbers({child.get()})}};
            return client.manager("CreateSandbox", "c" + std::to_string(made++), properties, std::uint64_t{0}).ok();
        };
        tell("Create", measure(50, make, [&](int) {
                 client.manager("StopSandbox", "c" + std::to_string(made - 1));
                 child = std::make_unique<Child>();
             }));
        std::printf("\n");
        CHECK(std::ranges::all_of(flooders, [](const auto& flooder) { return flooder->alive(); }));
    }
    CHECK(daemon->running());
}
