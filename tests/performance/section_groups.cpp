// SPDX-License-Identifier: LGPL-2.1-or-later
#include "contenders.h"
#include "sections.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace scopewright::performance {

namespace {

constexpr const char* kSandbox = "groups";

struct Limit {
    const char* file;
    const char* value;
};
// What a compat group with `resources()` shows, on a machine of two processors.
constexpr Limit kLimits[] = {
    {"memory.max", "67108864"},  {"memory.swap.max", "0"}, {"cpu.weight", "20"},
    {"cpu.max", "50000 100000"}, {"cpuset.cpus", "0-1"},   {"pids.max", "100"},
};

Properties resources() {
    return {{"memory.limit", std::int64_t{67108864}}, {"memory.swap", std::int64_t{67108864}},
            {"cpu.shares", std::uint64_t{512}},       {"cpu.quota", std::int64_t{50000}},
            {"cpu.period", std::uint64_t{100000}},    {"cpu.cpus", std::string("0-1")},
            {"pids.limit", std::int64_t{100}}};
}

} // namespace

void groups(Figures& figures) {
    constexpr int kRounds = 200;
    integration::Client client;
    const std::string unit = std::string("scopewright-0-") + kSandbox + ".scope";
    Payload payload(unit);
    client.send(createRequest(client, kSandbox, payload.pid())).must();
    const std::string scope = directoryOf(unit) + "/";

    Samples floor;
    Samples call;
    Samples ours;
    for (int round = 0; round < kRounds; ++round) {
        const std::string name = "g" + std::to_string(round);
        ::poll(nullptr, 0, 1);
        const std::string directory = scope + "bare-" + name;
        const double empty = timed([&] {
            client
                .send(bus::methodCall(client.raw(), "org.scopewright1", "/org/scopewright1",
                                      "org.freedesktop.DBus.Peer", "Ping"))
                .must();
        });
        call.add(empty);
        floor.add(empty + timed([&] {
                      if (::mkdir(directory.c_str(), 0755) < 0) throw errnoError("make " + directory, errno);
                      for (const Limit& limit : kLimits)
                          writeTo(directory + "/" + limit.file, limit.value);
                  }));
        ::rmdir(directory.c_str());
        ::poll(nullptr, 0, 1);
        ours.add(timed([&] {
            client.manager("CreateCompatGroup", std::string(kSandbox), name, resources(), std::uint64_t{0}).must();
        }));
        client.manager("RemoveGroup", std::string(kSandbox), name).must();
    }
    figures.add("groups", "an empty call", call);
    figures.add("groups", "mkdir, 6 writes and an empty call", floor);
    figures.add("groups", "CreateCompatGroup", ours);
    figures.target("groups", "against mkdir, 6 writes and an empty call", ours.median() / floor.median(), 1.3);
}

} // namespace scopewright::performance
