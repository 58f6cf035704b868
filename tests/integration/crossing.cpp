// SPDX-License-Identifier: LGPL-2.1-or-later
#include "crossing.h"

#include "client.h"

#include <cstdio>
#include <ctime>
#include <memory>
#include <random>

namespace scopewright::integration {

void pass(std::chrono::microseconds time) {
    const timespec wait{time.count() / 1000000, time.count() % 1000000 * 1000};
    ::nanosleep(&wait, nullptr);
}

Crossing crossIdleBoundary(std::chrono::milliseconds idleTimeout, int rounds, std::size_t clients,
                           const std::string& sandbox) {
    Crossing crossing;
    Recorder owners("type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='org.scopewright1'");
    std::vector<std::unique_ptr<Client>> all;
    while (all.size() < clients)
        all.push_back(std::make_unique<Client>());
    std::minstd_rand random(6);
    const auto between = [&](int least, int most) {
        return std::chrono::microseconds(std::uniform_int_distribution(least, most)(random));
    };
    std::size_t calls = 0;
    for (int round = 0; round < rounds; ++round) {
        pass(idleTimeout + between(-10000, 10000));
        std::vector<std::unique_ptr<Pending>> pending;
        for (const std::unique_ptr<Client>& client : all) {
            const bus::Message request = random() % 2 == 0
                                             ? client->request(kManagerPath, kManager, "ListSandboxes")
                                             : client->request(kManagerPath, kManager, "GetSandbox", sandbox);
            pending.push_back(std::make_unique<Pending>(*client, request));
            if (random() % 8 == 0) pass(between(0, 1000));
        }
        for (const std::unique_ptr<Pending>& one : pending) {
            ++calls;
            if (!one->wait().ok()) crossing.failures.push_back(one->wait().error + ": " + one->wait().text);
        }
    }
    crossing.changes = owners.count([](const Signal&) { return true; });
    std::printf("%zu calls of %zu clients, %zu changes of the owner\n", calls, all.size(), crossing.changes);
    return crossing;
}

} // namespace scopewright::integration
