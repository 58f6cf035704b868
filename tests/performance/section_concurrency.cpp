// SPDX-License-Identifier: LGPL-2.1-or-later
#include "contenders.h"
#include "daemon.h"
#include "sections.h"

#include <deque>
#include <functional>

namespace scopewright::performance {

namespace {

constexpr int kSandboxes = 384;

struct Crowd {
    std::deque<Payload> payloads;
    std::vector<std::string> names;

    /// They are there before the time runs.
    Crowd(const std::string& prefix, const std::string& unitPrefix, int count) {
        for (int i = 0; i < count; ++i) {
            names.push_back(prefix + std::to_string(i));
            payloads.emplace_back(unitPrefix + names.back() + ".scope");
        }
    }
};

/// So many connections, each with one call under way.
double oursAtOnce(const std::string& prefix, int clients) {
    Crowd crowd(prefix, "scopewright-0-", kSandboxes);
    std::deque<integration::Client> connections(static_cast<std::size_t>(clients));
    return timed([&] {
        std::deque<std::unique_ptr<integration::Pending>> pending;
        std::size_t next = 0;
        // The oldest call is waited for; its client then makes the next one.
        for (std::size_t answered = 0; answered < crowd.names.size(); ++answered) {
            while (next < crowd.names.size() && pending.size() < connections.size()) {
                integration::Client& client = connections[next % connections.size()];
                pending.push_back(std::make_unique<integration::Pending>(
                    client, createRequest(client, crowd.names[next], crowd.payloads[next].pid())));
                ++next;
            }
            pending.front()->wait().must();
            pending.pop_front();
        }
    });
}

double bareAtOnce(Bare& bare, const std::string& prefix, int clients) {
    Crowd crowd(prefix, "bench-", kSandboxes);
    return timed([&] {
        std::size_t next = 0;
        std::size_t over = 0;
        std::size_t underway = 0;
        while (over < crowd.names.size()) {
            for (; next < crowd.names.size() && underway < static_cast<std::size_t>(clients); ++next, ++underway)
                bare.begin("bench-" + crowd.names[next] + ".scope", crowd.payloads[next].pid(), [&] {
                    ++over;
                    --underway;
                });
            bare.turn();
        }
    });
}

} // namespace

void concurrency(Figures& figures) {
    constexpr int kRounds = 5;
    const Configured configured;
    Bare bus(Transport::Bus);
    Bare direct(Transport::Private);
    constexpr double kSecond = 1e6;
    for (const int clients : {1, 4, 16, 64}) {
        Samples ours;
        Samples floor;
        Samples directFloor;
        for (int round = 0; round < kRounds; ++round) {
            const std::string name = "c" + std::to_string(clients) + "r" + std::to_string(round) + "n";
            floor.add(bareAtOnce(bus, name, clients) / kSandboxes);
            ours.add(oursAtOnce(name, clients) / kSandboxes);
            directFloor.add(bareAtOnce(direct, name + "d", clients) / kSandboxes);
        }
        const std::string title = std::to_string(clients) + " at once: ";
        figures.add("concurrency", title + "bare, system bus", kSecond / floor.median(), "per second", clients);
        figures.add("concurrency", title + "bare, PID 1's socket", kSecond / directFloor.median(), "per second",
                    clients);
        figures.add("concurrency", title + "scopewright", kSecond / ours.median(), "per second", clients);
        if (clients == 64)
            figures.target("concurrency", "64 at once, against bare, system bus", floor.median() / ours.median(), 0.9,
                           false);
    }
}

} // namespace scopewright::performance
