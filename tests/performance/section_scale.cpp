// SPDX-License-Identifier: LGPL-2.1-or-later
#include "answers.h"
#include "contenders.h"
#include "daemon.h"
#include "sections.h"

#include <poll.h>

#include <deque>

namespace scopewright::performance {

namespace {

constexpr int kRounds = 100;

/// After each end PID 1 goes through all units of the slice, for 20 ms with 5,000 of them: that is nobody's who comes
/// next. And the kernel tells of two changes of one scope ten milliseconds apart at the least, which a scope that is
/// older than that does not meet.
constexpr int kApart = 60;

struct Costs {
    Samples bareStart, bareStop, start, stop, get, describe, list;
};

/// What each costs while `present` others are there.
Costs measure(const integration::Client& client, Contender& floor, Contender& ours, int present) {
    Costs costs;
    const std::string prefix = "s" + std::to_string(present) + "n";
    for (int round = 0; round < kRounds; ++round) {
        const std::string name = prefix + std::to_string(round);
        {
            Payload payload(floor.unit(name));
            ::poll(nullptr, 0, kApart);
            costs.bareStart.add(floor.start(name, payload.pid()));
            ::poll(nullptr, 0, kApart);
            costs.bareStop.add(floor.stop(name));
        }
        Payload payload(ours.unit(name));
        ::poll(nullptr, 0, kApart);
        costs.start.add(ours.start(name, payload.pid()));
        costs.get.add(timed([&] { client.manager("GetSandbox", name).must(); }));
        const std::string object = integration::sandboxPath(name);
        costs.describe.add(timed([&] {
            client.call(object, integration::kProperties, "GetAll", std::string(integration::kSandbox)).must();
        }));
        costs.list.add(timed([&] { client.manager("ListSandboxes").must(); }));
        ::poll(nullptr, 0, kApart);
        costs.stop.add(ours.stop(name));
    }
    return costs;
}

void show(Figures& figures, const Costs& costs, int present) {
    const std::string with = ", " + std::to_string(present) + " present";
    figures.add("scale", "start, bare" + with, costs.bareStart, present);
    figures.add("scale", "start, scopewright" + with, costs.start, present);
    figures.add("scale", "stop, bare" + with, costs.bareStop, present);
    figures.add("scale", "stop, scopewright" + with, costs.stop, present);
    figures.add("scale", "GetSandbox" + with, costs.get, present);
    figures.add("scale", "properties of one" + with, costs.describe, present);
    figures.add("scale", "ListSandboxes" + with, costs.list, present);
}

/// What it grows by, without what PID 1 grows by.
double growth(const Samples& few, const Samples& many, const Samples& fewBare, const Samples& manyBare) {
    return (many.median() - (manyBare.median() - fewBare.median())) / few.median();
}

} // namespace

void scale(Figures& figures) {
    constexpr int kMany = 5000;
    const Configured configured;
    integration::Client client;
    const std::unique_ptr<Contender> floor = bare(Transport::Bus);
    const std::unique_ptr<Contender> ours = scopewright();
    std::deque<Payload> payloads;
    std::deque<Costs> all;
    for (const int present : {10, 1000, kMany}) {
        while (payloads.size() < static_cast<std::size_t>(present)) {
            const std::string name = "p" + std::to_string(payloads.size());
            payloads.emplace_back(unitOf(name));
            client.send(createRequest(client, name, payloads.back().pid())).must();
        }
        all.push_back(measure(client, *floor, *ours, present));
        show(figures, all.back(), present);
    }
    const Costs& few = all.front();
    const Costs& many = all.back();
    constexpr double kMost = 1.1;
    figures.target("scale", "start, 5000 against 10 present",
                   growth(few.start, many.start, few.bareStart, many.bareStart), kMost);
    figures.target("scale", "stop, 5000 against 10 present", growth(few.stop, many.stop, few.bareStop, many.bareStop),
                   kMost);
    figures.target("scale", "GetSandbox, 5000 against 10 present", many.get.median() / few.get.median(), kMost);
    figures.target("scale", "properties, 5000 against 10 present", many.describe.median() / few.describe.median(),
                   kMost);
    constexpr double kOwn = 11;
    figures.target("scale", "a line of ListSandboxes, 5000 against 10 present",
                   many.list.median() / (kMany + 1) / (few.list.median() / kOwn), kMost);
    // One by one they would take their time.
    writeTo(std::string("/sys/fs/cgroup/") + kSlice + "/cgroup.kill", "1");
}

} // namespace scopewright::performance
