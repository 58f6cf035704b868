// SPDX-License-Identifier: LGPL-2.1-or-later
#include "contenders.h"
#include "daemon.h"
#include "sections.h"

#include <poll.h>

#include <atomic>
#include <thread>

namespace scopewright::performance {

namespace {

Samples startsFor(const std::string& prefix, const std::function<bool()>& more) {
    const std::unique_ptr<Contender> ours = scopewright();
    Samples samples;
    for (int round = 0; more(); ++round) {
        const std::string name = prefix + std::to_string(round);
        Payload payload(ours->unit(name));
        ::poll(nullptr, 0, 3);
        samples.add(ours->start(name, payload.pid()));
    }
    return samples;
}

/// Scopes that come and go, one each ten milliseconds; how long that took, in microseconds.
double unrelated(const std::string& prefix, int units) {
    const std::unique_ptr<Contender> other = bare(Transport::Private);
    return timed([&] {
        for (int i = 0; i < units; ++i) {
            const std::string name = prefix + std::to_string(i);
            Payload payload(other->unit(name));
            other->start(name, payload.pid());
            ::poll(nullptr, 0, 5);
        }
    });
}

} // namespace

void noise(Figures& figures) {
    constexpr int kUnits = 1000;
    constexpr int kStarts = 200;
    const Configured configured;
    const pid_t daemon = daemonPid();

    const double before = processorTime(daemon);
    const double took = unrelated("noise", kUnits);
    const double used = processorTime(daemon) - before;
    figures.add("noise", "1000 unrelated units take", took / 1e6, "s");
    figures.add("noise", "the daemon's processor time for one of them", used / kUnits, "us");
    constexpr double kMostPercent = 2;
    figures.target("noise", "per cent of a core for 1000 unrelated units", 100 * used / took, kMostPercent);

    int left = kStarts;
    const Samples quiet = startsFor("quiet", [&] { return left-- > 0; });
    std::atomic<bool> over = false;
    std::thread others([&] {
        unrelated("loud", kUnits / 2);
        over = true;
    });
    const Samples loud = startsFor("loud", [&] { return !over; });
    others.join();
    figures.add("noise", "CreateSandbox, nothing else going on", quiet);
    figures.add("noise", "CreateSandbox among unrelated units", loud);
}

} // namespace scopewright::performance
