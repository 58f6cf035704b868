// SPDX-License-Identifier: LGPL-2.1-or-later
// The daemon as a process: what it takes of memory, and how long it takes to be there.
#include "contenders.h"
#include "daemon.h"
#include "guest/pid1.h"
#include "sections.h"

#include <poll.h>

#include <cstdio>
#include <deque>
#include <exception>

namespace scopewright::performance {

namespace {

void createMany(const integration::Client& client, std::deque<Payload>& payloads, int count) {
    while (payloads.size() < static_cast<std::size_t>(count)) {
        const std::string name = "m" + std::to_string(payloads.size());
        payloads.emplace_back(unitOf(name));
        client.send(createRequest(client, name, payloads.back().pid())).must();
        for (const char* group : {"one", "two"})
            client.manager("CreateCompatGroup", name, std::string(group), Properties{}, std::uint64_t{0}).must();
    }
}

/// Until the answer to the first question about a property, from a service that does not run.
double firstAnswer(const integration::Client& client, const integration::Pid1& systemd, const char* service,
                   const char* name, const char* path, const char* interface, const char* property) {
    systemd.stop(service);
    // A unit that has just been stopped is taken down for a while yet.
    ::poll(nullptr, 0, 50);
    return timed([&] {
        client
            .send(bus::methodCall(client.raw(), name, path, integration::kProperties, "Get", std::string(interface),
                                  std::string(property)))
            .must();
    });
}

} // namespace

void memory(Figures& figures) {
    constexpr int kFew = 100;
    constexpr int kMany = 1100;
    const Configured configured;
    integration::Client client;
    const pid_t daemon = daemonPid();
    const double idle = residentKiB(daemon);
    std::deque<Payload> payloads;
    createMany(client, payloads, kFew);
    const double few = residentKiB(daemon);
    createMany(client, payloads, kMany);
    const double many = residentKiB(daemon);
    figures.add("memory", "idle", idle, "KiB", 0);
    figures.add("memory", "with 100 sandboxes of two groups each", few, "KiB", kFew);
    figures.add("memory", "with 1100 sandboxes of two groups each", many, "KiB", kMany);
    figures.target("memory", "MiB when idle", idle / 1024, 8);
    figures.target("memory", "KiB for a sandbox with two groups", (many - few) / (kMany - kFew), 4);
}

void activation(Figures& figures) {
    constexpr int kRounds = 40;
    integration::Client client;
    const integration::Pid1 systemd;
    Samples ours;
    Samples hostnamed;
    bool comparable = true;
    for (int round = 0; round < kRounds; ++round) {
        ours.add(firstAnswer(client, systemd, "scopewright.service", "org.scopewright1", "/org/scopewright1",
                             "org.scopewright1.Manager", "Version"));
        if (!comparable) continue;
        try {
            hostnamed.add(firstAnswer(client, systemd, "systemd-hostnamed.service", "org.freedesktop.hostname1",
                                      "/org/freedesktop/hostname1", "org.freedesktop.hostname1", "Hostname"));
        } catch (const std::exception& error) {
            // In a container not every version of it starts each time.
            std::printf("there is no systemd-hostnamed to compare with: %s\n", error.what());
            comparable = false;
        }
    }
    figures.add("activation", "scopewrightd", ours);
    if (!comparable) return;
    figures.add("activation", "systemd-hostnamed", hostnamed);
    figures.target("activation", "against systemd-hostnamed", ours.median() / hostnamed.median(), 1.0);
}

} // namespace scopewright::performance
