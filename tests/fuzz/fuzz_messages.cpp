// SPDX-License-Identifier: LGPL-2.1-or-later
// Whole messages against the real service between a fake bus, a fake PID 1 and real control groups: see script.h. The
// service answers every call, whatever happens meanwhile, and does to PID 1 and to others only what it may.
//
// Events: "! exit $0" a process ends, "! leave alice" a client does, "! reload" PID 1 reloads, "! stop UNIT" somebody
// stops a unit, "! spoof UNIT JOB RESULT" somebody forges PID 1's signal, "! polkit yes|no|challenge|error|garbage",
// "! restart" the service is killed and started anew.
#include "clock.h"
#include "daemon_world.h"
#include "fuzz.h"
#include "quick_moves.h"
#include "script.h"
#include "values.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>

namespace scopewright::fuzz {

namespace {

using fake::Pending;

constexpr std::size_t kMostSteps = 12;
constexpr std::size_t kBystander = 4; ///< the last one, which no script can name
constexpr std::size_t kMostProcesses = kBystander + 1;
/// Longer than all deadlines of the service together; see the answer to a call that PID 1 leaves unanswered.
constexpr std::chrono::seconds kPatience{60};

/// Pipes are no concern of the service; a fuzzer has some to the program that names its functions.
std::vector<std::string> openDescriptors() {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code gone; // that of the listing itself
        const std::string what = std::filesystem::read_symlink(entry, gone).string();
        if (!what.starts_with("pipe:")) found.push_back(what);
    }
    return found;
}

/// The processes of all inputs, since a fork of a program with a sanitizer takes longer than all the rest. They live
/// elsewhere than in an input's world, and whoever has survived that goes home.
class Processes {
public:
    /// All at once, so that they have their descriptors before anybody counts.
    Processes() {
        for (std::uint64_t index = 0; index < kMostProcesses; ++index)
            at(index);
    }

    fake::Child& at(std::uint64_t index) {
        std::unique_ptr<fake::Child>& child = children_[index % kMostProcesses];
        if (!child || !child->alive()) child = std::make_unique<fake::Child>(homes_, home(index));
        return *child;
    }

    void goHome() {
        for (std::uint64_t index = 0; index < kMostProcesses; ++index)
            if (children_[index]->alive()) {
                ::kill(children_[index]->pid(), SIGCONT); // whatever a script has sent to it
                if (children_[index]->controlGroup() != home(index)) homes_.move(home(index), children_[index]->pid());
            }
    }

private:
    std::string home(std::uint64_t index) const {
        return homes_.prefix() + "/runtime.slice/runtime-" + std::to_string(index % kMostProcesses) + ".service";
    }

    fake::CgroupTree homes_;
    std::array<std::unique_ptr<fake::Child>, kMostProcesses> children_;
};

/// One input's world; nothing of it is left for the next one but processes.
class Play {
public:
    explicit Play(Processes& processes)
        : world_(config()), null_(::open("/dev/null", O_RDONLY | O_CLOEXEC)), processes_(processes) {
        world_.systemd.delay = std::chrono::milliseconds(2);
        // Nothing comes before the next timer then.
        world_.onSilence = fake::skipToTimer;
        bystander_ = &processes_.at(kBystander);
        place_ = bystander_->controlGroup();
        setProcesses([this](std::uint64_t index) { return process(index).number(); });
    }
    Play(Play&&) = delete;
    ~Play() {
        setProcesses({});
        world_.crash();
        processes_.goHome();
    }

    void run(std::string_view input) {
        for (const Step& step : parseScript(input, kMostSteps))
            try {
                step.event ? happen(step) : call(step);
            } catch (const Error&) {
                // What cannot be said in a message does not reach the service.
            }
        for (const Pending& pending : pending_)
            awaitAnswer(pending, input);
        checkWorld(input);
    }

private:
    static config::Config config() {
        config::Config config;
        config.jobTimeout = std::chrono::milliseconds(200);
        config.stopTimeout = std::chrono::milliseconds(200);
        return config;
    }

    /// The same for all of one input, dead or alive.
    fake::Child& process(std::uint64_t index) {
        fake::Child*& child = named_[index % kBystander];
        if (!child) child = &processes_.at(index % kBystander);
        return *child;
    }

    int descriptor(std::string_view word) {
        return word.starts_with('$') ? process(toNumber(word.substr(1))).pidfd() : null_.value();
    }

    static std::string sender(const std::string& word) {
        const std::map<std::string, std::string> known{{"root", fake::World::kRoot},
                                                       {"alice", fake::World::kAlice},
                                                       {"bob", fake::World::kBob},
                                                       {"stranger", fake::World::kStranger}};
        const auto found = known.find(word);
        return found == known.end() ? word : found->second;
    }

    void call(const Step& step) {
        bus::Message message = toCall(world_.peer(), step, [this](std::string_view word) { return descriptor(word); });
        const Pending pending = world_.send(sender(step.words[0]), std::move(message));
        pending_.push_back(pending);
        if (step.waits) world_.until([&] { return pending->done; }, kPatience);
    }

    void happen(const Step& step) {
        const auto word = [&](std::size_t at) { return at < step.words.size() ? step.words[at] : std::string(); };
        // Signals hold names that a bus has looked at.
        if (!std::ranges::all_of(step.words, isVisible)) return;
        const std::string what = word(0);
        if (what == "exit") end(word(1));
        if (what == "leave" && (word(1) == "alice" || word(1) == "bob")) world_.driver.leave(sender(word(1)));
        if (what == "reload") world_.systemd.reload();
        if (what == "stop" && world_.systemd.find(word(1)) && !world_.systemd.find(word(1))->startPending)
            world_.systemd.stop(word(1));
        if (what == "spoof")
            world_.systemd.spoofJobRemoved(word(1), static_cast<std::uint32_t>(toNumber(word(2))), word(3));
        if (what == "polkit") ask(word(1));
        if (what == "restart") restart();
    }

    void end(const std::string& word) {
        if (!word.starts_with('$')) return;
        fake::Child& child = process(toNumber(std::string_view(word).substr(1)));
        // Afterwards its number may be somebody else's.
        if (!child.alive()) return;
        child.kill();
        child.reap();
    }

    void ask(const std::string& word) {
        using Answer = fake::FakePolkit::Answer;
        const std::map<std::string, Answer> answers{{"yes", Answer::Yes},
                                                    {"no", Answer::No},
                                                    {"error", Answer::Error},
                                                    {"challenge", Answer::Challenge},
                                                    {"garbage", Answer::Garbage}};
        const auto found = answers.find(word);
        if (found == answers.end()) return;
        world_.polkit.rule = [answer = found->second](const fake::FakePolkit::Question&) { return answer; };
    }

    /// Nobody answers what a killed daemon was asked.
    void restart() {
        pending_.clear();
        world_.restart();
    }

    void awaitAnswer(const Pending& pending, std::string_view input) {
        expect(world_.until([&] { return pending->done; }, kPatience), "a call without an answer", input);
        if (pending->error.empty()) return;
        const bool ours = pending->error.starts_with("org.scopewright1.Error.");
        expect(ours || pending->error.starts_with("org.freedesktop.DBus.Error."), "an error's name", pending->error);
        // sd-bus has answers of its own, with whatever the caller said in them.
        const bool own =
            pending->text.starts_with("Unknown ") || pending->text.find("', expecting '") != std::string::npos;
        if (ours || !own) checkMessage(pending->text);
    }

    /// Jobs that never end keep the service at work for as long.
    void endJobs() {
        for (const std::string& name : world_.systemd.names())
            if (world_.systemd.find(name)->job != 0) world_.systemd.release(name);
    }

    void checkWorld(std::string_view input) {
        endJobs();
        expect(world_.until([&] { return world_.service().idle(); }, kPatience), "work without an end", input);
        for (const std::string& misuse : world_.systemd.misuses())
            fail("PID 1 was misused: " + misuse, input);
        for (const std::string& line : world_.systemd.log())
            checkUnit(line, input);
        expect(bystander_->alive() && bystander_->controlGroup() == place_, "somebody else's process", input);
        for (const std::string& line : world_.list(fake::World::kBob))
            expect(line.find(" 1002 ") != std::string::npos || polkitAllows(), "somebody else's sandbox", line);
        expect(!world_.describe().empty(), "no description", input);
    }

    bool polkitAllows() const { return static_cast<bool>(world_.polkit.rule); }

    /// "StartTransientUnit x.scope"
    static void checkUnit(const std::string& line, std::string_view input) {
        const std::string unit = line.substr(line.find(' ') + 1);
        if (!line.starts_with("StartTransientUnit ")) return;
        expect(isOf(unit, std::string(kAlphanumeric) + ":_.-") && unit.ends_with(".scope"), "a unit", unit);
        expect(unit != "init.scope" && !unit.starts_with("session-"), "a unit of systemd's own", input);
    }

    fake::DaemonWorld world_;
    UniqueFd null_;
    Processes& processes_;
    fake::Child* bystander_ = nullptr;
    std::string place_;
    std::array<fake::Child*, kBystander> named_{}; ///< when a script names them first
    std::vector<Pending> pending_;
};

void run(std::string_view input) {
    static const fake::QuickMoves quickMoves;
    static Processes processes;
    [[maybe_unused]] static const bool stopped = (fake::stopTime(), true);
    Play(processes).run(input);
    static const std::size_t before = openDescriptors().size();
    if (const std::vector<std::string> now = openDescriptors(); now.size() > before) {
        for (const std::string& one : now)
            std::fprintf(stderr, "open: %s\n", one.c_str());
        fail("descriptors that stay open", input);
    }
}

const Registration kTarget("messages", run, fake::CgroupTree::whyNot);

} // namespace

} // namespace scopewright::fuzz
