// SPDX-License-Identifier: LGPL-2.1-or-later
#include "contenders.h"
#include "sections.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

namespace scopewright::performance {

namespace {

constexpr const char* kSandbox = "groups";
constexpr int kRounds = 200;

struct Limit {
    std::string file;
    std::string value;
};

/// What a group is asked to have, and in which files that ends up.
struct Wanted {
    Properties resources;
    std::vector<Limit> limits;
};

/// Six files, on a machine of two processors.
Wanted usual() {
    return {{{"memory.limit", std::int64_t{67108864}},
             {"memory.swap", std::int64_t{67108864}},
             {"cpu.shares", std::uint64_t{512}},
             {"cpu.quota", std::int64_t{50000}},
             {"cpu.period", std::uint64_t{100000}},
             {"cpu.cpus", std::string("0-1")},
             {"pids.limit", std::int64_t{100}}},
            {{"memory.max", "67108864"},
             {"memory.swap.max", "0"},
             {"cpu.weight", "20"},
             {"cpu.max", "50000 100000"},
             {"cpuset.cpus", "0-1"},
             {"pids.max", "100"}}};
}

/// Four files of the one controller that hosts keep in cgroup v2 which run the others in v1.
Wanted hugePages() {
    const std::vector<std::pair<std::string, std::uint64_t>> pages{{"2MB", 2097152}, {"1GB", 1073741824}};
    Wanted wanted{{{"hugepageLimits", pages}}, {}};
    for (const auto& [size, bytes] : pages)
        for (const char* file : {".max", ".rsvd.max"})
            wanted.limits.push_back({"hugetlb." + size + file, std::to_string(bytes)});
    return wanted;
}

void make(const std::string& directory, const std::vector<Limit>& limits) {
    if (::mkdir(directory.c_str(), 0755) < 0) throw errnoError("make " + directory, errno);
    for (const Limit& limit : limits)
        writeTo(directory + "/" + limit.file, limit.value);
}

void compare(Figures& figures, const integration::Client& client, const std::string& scope, const char* method,
             const Wanted& wanted, const std::vector<Limit>& limits) {
    Samples floor;
    Samples ours;
    for (int round = 0; round < kRounds; ++round) {
        const std::string name = "g" + std::to_string(round);
        const std::string directory = scope + "bare-" + name;
        ::poll(nullptr, 0, 1);
        floor.add(timed([&] {
            client
                .send(bus::methodCall(client.raw(), "org.scopewright1", "/org/scopewright1",
                                      "org.freedesktop.DBus.Peer", "Ping"))
                .must();
            make(directory, limits);
        }));
        ::rmdir(directory.c_str());
        ::poll(nullptr, 0, 1);
        ours.add(timed(
            [&] { client.manager(method, std::string(kSandbox), name, wanted.resources, std::uint64_t{0}).must(); }));
        client.manager("RemoveGroup", std::string(kSandbox), name).must();
    }
    const std::string count = std::to_string(limits.size());
    figures.add("groups", "mkdir, " + count + " writes and an empty call", floor);
    figures.add("groups", std::string(method) + ", " + count + " files", ours);
    figures.target("groups",
                   std::string(method) + ", " + count + " files, against mkdir, as many writes and an empty call",
                   ours.median() / floor.median(), 1.3);
}

} // namespace

void groups(Figures& figures) {
    integration::Client client;
    const std::string unit = unitOf(kSandbox);
    const std::string scope = directoryOf(unit) + "/";
    Payload payload(unit);
    const Wanted pages = hugePages();
    Properties properties = pages.resources;
    properties.push_back({"PIDs", std::vector<std::uint32_t>{static_cast<std::uint32_t>(payload.pid())}});
    client.manager("CreateSandbox", std::string(kSandbox), properties, std::uint64_t{0}).must();
    const auto offers = [&](const Wanted& wanted) {
        return ::access((scope + "payload/" + wanted.limits.front().file).c_str(), W_OK) == 0;
    };
    if (offers(usual())) compare(figures, client, scope, "CreateCompatGroup", usual(), usual().limits);
    if (!offers(pages)) return;
    // A compat group shows no such limits, as the configuration comes. A group for processes has its two bounds
    // besides.
    std::vector<Limit> six = pages.limits;
    six.push_back({"cgroup.max.depth", "8"});
    six.push_back({"cgroup.max.descendants", "1024"});
    compare(figures, client, scope, "CreateGroup", pages, six);
}

} // namespace scopewright::performance
