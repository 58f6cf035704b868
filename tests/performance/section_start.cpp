// SPDX-License-Identifier: LGPL-2.1-or-later
#include "contenders.h"
#include "sections.h"

#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>

namespace scopewright::performance {

namespace {

constexpr int kRounds = 300;
constexpr int kPauseMilliseconds = 3;

std::vector<std::unique_ptr<Contender>> allContenders() {
    std::vector<std::unique_ptr<Contender>> contenders;
    contenders.push_back(bare(Transport::Bus));
    contenders.push_back(bare(Transport::Private));
    contenders.push_back(libcontainer());
    contenders.push_back(scopewright());
    return contenders;
}

/// Times of each, with whatever happened just before spread over all of them.
template <class Measure>
std::vector<Samples> inTurn(const std::vector<std::unique_ptr<Contender>>& contenders, int rounds, Measure measure) {
    constexpr int kWarmUp = 10;
    std::vector<Samples> samples(contenders.size());
    for (int round = -kWarmUp; round < rounds; ++round)
        for (std::size_t turn = 0; turn < contenders.size(); ++turn) {
            const std::size_t which = (turn + static_cast<std::size_t>(round + kWarmUp)) % contenders.size();
            const std::string name = "b" + std::to_string(round + kWarmUp) + "x" + std::to_string(which);
            Payload payload(contenders[which]->unit(name));
            ::poll(nullptr, 0, kPauseMilliseconds);
            const double took = measure(*contenders[which], name, payload.pid());
            if (round >= 0) samples[which].add(took);
        }
    return samples;
}

double program(std::vector<const char*> words) {
    return timed([&] {
        words.push_back(nullptr);
        pid_t pid = 0;
        int status = 0;
        if (::posix_spawnp(&pid, words[0], nullptr, nullptr, const_cast<char* const*>(words.data()), environ) != 0)
            throw std::runtime_error(std::string("cannot run ") + words[0]);
        ::waitpid(pid, &status, 0);
        if (status != 0) throw std::runtime_error(std::string(words[0]) + " failed");
    });
}

void comparePrograms(Figures& figures) {
    constexpr int kPrograms = 40;
    Samples run;
    Samples call;
    for (int round = 0; round < kPrograms; ++round) {
        const std::string unit = "bench-run" + std::to_string(round) + ".scope";
        ::poll(nullptr, 0, kPauseMilliseconds);
        run.add(program({"systemd-run", "--scope", "--quiet", "--slice", kSlice, "--unit", unit.c_str(), "true"}));
        const std::string id = "p" + std::to_string(round);
        Payload payload(unitOf(id));
        ::poll(nullptr, 0, kPauseMilliseconds);
        const std::string pid = std::to_string(payload.pid());
        call.add(
            program({"busctl", "--quiet", "call", "org.scopewright1", "/org/scopewright1", "org.scopewright1.Manager",
                     "CreateSandbox", "sa(sv)t", id.c_str(), "1", "PIDs", "au", "1", pid.c_str(), "0"}));
    }
    figures.add("start", "systemd-run --scope true, a process", run);
    figures.add("start", "busctl call … CreateSandbox, a process", call);
}

} // namespace

void start(Figures& figures) {
    const auto contenders = allContenders();
    const std::vector<Samples> samples =
        inTurn(contenders, kRounds,
               [](Contender& contender, const std::string& name, pid_t pid) { return contender.start(name, pid); });
    for (std::size_t which = 0; which < contenders.size(); ++which)
        figures.add("start", contenders[which]->name(), samples[which]);
    comparePrograms(figures);
    const double ours = samples[3].median();
    figures.target("start", "scopewright against bare, system bus", ours / samples[0].median(), 1.05);
    figures.target("start", "scopewright against libcontainer", ours / samples[2].median(), 0.95);
}

void stop(Figures& figures) {
    const auto contenders = allContenders();
    // The kernel tells of two changes of a scope ten milliseconds apart at the least, which a StopUnit of a young one
    // waits for.
    for (const int age : {kPauseMilliseconds, 60}) {
        const std::string old = ", " + std::to_string(age) + " ms old";
        const std::vector<Samples> samples =
            inTurn(contenders, kRounds / 3, [age](Contender& contender, const std::string& name, pid_t pid) {
                contender.start(name, pid);
                ::poll(nullptr, 0, age);
                return contender.stop(name);
            });
        for (std::size_t which = 0; which < contenders.size(); ++which)
            figures.add("stop", contenders[which]->name() + old, samples[which]);
        figures.target("stop", "scopewright against bare, system bus" + old, samples[3].median() / samples[0].median(),
                       0.6);
    }
}

} // namespace scopewright::performance
