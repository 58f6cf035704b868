// SPDX-License-Identifier: LGPL-2.1-or-later
#include "contenders.h"
#include "daemon.h"
#include "floods.h"
#include "floor.h"
#include "sections.h"

#include "wait.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>

namespace scopewright::performance {

namespace {

using integration::Child;
using integration::Flood;

constexpr const char* kService = "org.scopewright1";
constexpr const char* kSandbox = "flooded";

/// A flood from two connections, while this lives.
class Flooders {
public:
    Flooders(const Flood& kind, const char* service, bool meek) {
        for (std::unique_ptr<Child>& flooder : flooders_)
            flooder = std::make_unique<Child>(ofFlooder(meek, [&kind, service](const std::function<void()>& ready) {
                const integration::Client client;
                ready();
                integration::flood(client, kind, service);
            }));
    }

    void check() const {
        if (!std::ranges::all_of(flooders_, [](const auto& flooder) { return flooder->alive(); }))
            throw std::runtime_error("a flood has run dry");
    }

private:
    std::array<std::unique_ptr<Child>, 2> flooders_;
};

std::vector<Flood> wantedFloods() {
    const char* words = std::getenv("SCOPEWRIGHT_FLOOD");
    std::vector<Flood> kinds = integration::floods();
    std::erase_if(kinds, [&](const Flood& kind) { return words && !std::strstr(kind.name, words); });
    return kinds;
}

/// So many times, or as often as there is time for; one that fails is the last, and counts as long as it took.
Samples measure(int count, const std::function<bool()>& act) {
    Samples samples;
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(700);
    bool done = true;
    for (int i = 0; done && i < count && std::chrono::steady_clock::now() < end; ++i)
        samples.add(timed([&] { done = act(); }));
    return samples;
}

class Victim {
public:
    Victim() : payload_(unitOf(kSandbox)) { client_.send(createRequest(client_, kSandbox, payload_.pid())).must(); }

    Samples bus() const {
        return measure(kCalls, [this] { return client_.bus("GetId").ok(); });
    }
    Samples get(const char* service) const {
        return measure(kCalls, [&] { return client_.send(getRequest(service)).ok(); });
    }
    Samples list() const {
        return measure(kCalls, [&] { return client_.manager("ListSandboxes").ok(); });
    }
    /// What of it is creating, and what is stopping.
    std::array<Samples, 2> createAndStop() {
        std::array<Samples, 2> samples;
        measure(kSandboxes, [&] {
            const std::string name = "f" + std::to_string(made_++);
            const Payload payload(unitOf(name));
            bool done = true;
            samples[0].add(timed([&] { done = client_.send(createRequest(client_, name, payload.pid())).ok(); }));
            samples[1].add(timed([&] { done = client_.manager("StopSandbox", name).ok() && done; }));
            return done;
        });
        return samples;
    }
    /// Until nothing is left of a flood.
    void rest() const {
        for (const char* service : {kService, kFloorService})
            if (!integration::eventually([&] { return client_.send(getRequest(service)).ok(); }))
                throw std::runtime_error(std::string(service) + " does not answer any more");
    }

private:
    static constexpr int kCalls = 300;
    static constexpr int kSandboxes = 40;

    bus::Message getRequest(const char* service) const {
        return bus::methodCall(client_.raw(), service, integration::kManagerPath, integration::kManager, "GetSandbox",
                               kSandbox);
    }

    integration::Client client_;
    Payload payload_;
    int made_ = 0;
};

/// In the order in which they are told.
constexpr std::array<const char*, 7> kWhat{"bus GetId",         "GetSandbox",  "ListSandboxes",
                                           "CreateSandbox",     "StopSandbox", "bus GetId, the floor flooded",
                                           "the floor's answer"};
constexpr std::size_t kGet = 1;
constexpr std::size_t kCreate = 3;
constexpr std::size_t kFloor = 6;

std::array<Samples, kWhat.size()> measureAll(Victim& victim, const Flood& kind, bool meek) {
    std::array<Samples, kWhat.size()> all;
    std::unique_ptr<Flooders> flooders;
    const auto begin = [&](const char* service) {
        if (kind.make) flooders = std::make_unique<Flooders>(kind, service, meek);
    };
    const auto end = [&] {
        if (flooders) flooders->check();
        flooders.reset();
        victim.rest();
    };
    begin(kService);
    all[0] = victim.bus();
    all[1] = victim.get(kService);
    all[2] = victim.list();
    std::array<Samples, 2> ends = victim.createAndStop();
    all[3] = std::move(ends[0]);
    all[4] = std::move(ends[1]);
    end();
    begin(kFloorService);
    all[5] = victim.bus();
    all[kFloor] = victim.get(kFloorService);
    end();
    return all;
}

struct Worst {
    double ratio = 0;
    std::string kind;

    void see(double seen, const char* name) {
        if (seen <= ratio) return;
        ratio = seen;
        kind = name;
    }
};

} // namespace

void flood(Figures& figures) {
    const Configured configured;
    const FloodWorld world;
    const Child floor(answerEverybody);
    Victim victim;
    const pid_t daemon = daemonPid();
    const std::array<Samples, kWhat.size()> quiet = measureAll(victim, Flood{"none", nullptr}, false);
    for (std::size_t what = 0; what < kWhat.size(); ++what)
        figures.add("flood", std::string("none: ") + kWhat[what], quiet[what]);
    for (const bool meek : {false, true}) {
        Worst create;
        Worst get;
        // Flooders that have a whole processor each leave none to bus and daemon, where there are two.
        const std::string how = meek ? ", meek flooders" : "";
        for (const Flood& kind : wantedFloods()) {
            const std::array<Samples, kWhat.size()> flooded = measureAll(victim, kind, meek);
            for (std::size_t what = 0; what < kWhat.size(); ++what) {
                const std::string title = std::string(kind.name) + how + ": " + kWhat[what];
                figures.add("flood", title, flooded[what]);
                figures.add("flood", title, flooded[what].median() / quiet[what].median(), "x");
            }
            create.see(flooded[kCreate].median() / quiet[kCreate].median(), kind.name);
            get.see(flooded[kGet].median() / flooded[kFloor].median(), kind.name);
        }
        constexpr double kMost = 2;
        figures.target("flood", "CreateSandbox, flooded against not (" + create.kind + ")" + how, create.ratio, kMost);
        figures.target("flood", "GetSandbox against the floor (" + get.kind + ")" + how, get.ratio, kMost);
    }
    figures.add("flood", "memory after all of them", residentKiB(daemon), "KiB");
}

} // namespace scopewright::performance
