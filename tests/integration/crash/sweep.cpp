// SPDX-License-Identifier: LGPL-2.1-or-later
#include "crash/sweep.h"

#include "crash/tracer.h"
#include "wait.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <stdexcept>

namespace scopewright::integration {

namespace {

/// The bus's, when the one that was asked is gone.
constexpr const char* kNoReply = "org.freedesktop.DBus.Error.NoReply";

/// Each costs the patience of a wait, and what the first ones say is enough.
constexpr std::size_t kMostViolations = 12;

/// What a daemon does in a millisecond need not be waited for longer than that.
constexpr int kOftenLooked = 1;

/// Of a difference: what the others say is mostly one and the same thing.
constexpr std::size_t kMostLines = 12;

enum class Found { Before, After, Between, Other };

/// Has it nothing more to do? While it sleeps, a message of PID 1's may be on its way to it.
bool atRest(const World& world, const Tracer& tracer) {
    if (!tracer.asleep()) return false;
    const std::size_t calls = tracer.calls();
    world.askPid1();
    return tracer.asleep() && tracer.calls() == calls;
}

void awaitRest(const World& world, const Tracer& tracer) {
    if (!eventually([&] { return tracer.dead() || atRest(world, tracer); }, patience(), kOftenLooked))
        throw std::runtime_error("the daemon does not come to rest");
}

std::string shown(const std::vector<std::string>& lines) {
    std::string text;
    for (std::size_t line = 0; line < std::min(lines.size(), kMostLines); ++line)
        text += "    " + lines[line] + "\n";
    if (lines.size() > kMostLines) text += "    and " + std::to_string(lines.size() - kMostLines) + " more\n";
    return text;
}

class Sweep {
public:
    Sweep(World& world, const Operation& operation) : world_(world), operation_(operation) {
        report_.name = operation.name;
    }

    Report run(const Points& points) {
        const std::chrono::steady_clock::time_point begun = std::chrono::steady_clock::now();
        try {
            learn();
            for (const std::size_t call : chosen(points)) {
                point(call);
                if (dirty_ || report_.violations.size() >= kMostViolations) break;
            }
        } catch (const std::exception& error) {
            report_.violations.push_back(std::string(error.what()) + "\n");
        }
        report_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
        return report_;
    }

private:
    void learn();
    void point(std::size_t call);
    std::vector<std::size_t> chosen(const Points& points) const;
    Answer send(const Tracer& tracer);
    Snapshot look() const;
    /// Once something has not come in a long time, it is not waited for that long again.
    std::chrono::milliseconds limit() const { return patience() / (report_.violations.empty() ? 4 : 20); }
    Found compare(const Snapshot& snapshot) const;
    Found settle(std::string& wrong);
    void repeat(Found found, std::string& wrong);
    void clear(std::string& wrong);

    World& world_;
    const Operation& operation_;
    Report report_;
    Snapshot before_;
    Snapshot after_;
    bool dirty_ = false; ///< the next point would not begin where this one did
};

/// The states before and after, and how many calls lie between them: all of it without a crash in between.
void Sweep::learn() {
    operation_.prepare(world_);
    before_ = world_.snapshot();
    {
        Tracer tracer(world_.daemon());
        awaitRest(world_, tracer);
        tracer.killAt(0);
        send(tracer).must();
        report_.calls = tracer.calls();
        after_ = world_.snapshot();
    }
    world_.restart();
    std::string wrong;
    if (settle(wrong) != Found::After) wrong = "killed when all was done:\n" + wrong;
    clear(wrong);
    if (!wrong.empty()) report_.violations.push_back(wrong);
}

std::vector<std::size_t> Sweep::chosen(const Points& points) const {
    std::vector<std::size_t> calls;
    if (points.count == 0)
        for (std::size_t call = 1; call <= report_.calls; call += points.step)
            calls.push_back(call);
    for (std::size_t one = 0; one < points.count; ++one)
        calls.push_back(1 + one * (report_.calls - 1) / std::max<std::size_t>(1, points.count - 1));
    return calls;
}

/// The answer, once the daemon is at rest again or dead.
Answer Sweep::send(const Tracer& tracer) {
    Pending pending(world_.client, operation_.request(world_));
    const Answer answer = pending.wait();
    if (answer.ok() && operation_.over) eventually([&] { return tracer.dead() || operation_.over(world_); });
    awaitRest(world_, tracer);
    return answer;
}

void Sweep::point(std::size_t call) {
    operation_.prepare(world_);
    std::string place = "killed at call " + std::to_string(call) + " of " + std::to_string(report_.calls);
    Answer answer;
    {
        Tracer tracer(world_.daemon());
        awaitRest(world_, tracer);
        tracer.killAt(call);
        answer = send(tracer);
        if (!tracer.dead()) ++report_.late;
        tracer.kill();
        place += ", " + (tracer.where().empty() ? "at rest" : tracer.where());
    }
    world_.restart();
    ++report_.points;

    std::string wrong;
    const Found found = settle(wrong);
    if (answer.ok()) {
        ++report_.answered;
        if (found != Found::After) wrong += "  the caller had its answer already\n";
    } else if (answer.error != kNoReply) {
        wrong += "  the caller was told " + answer.error + ": " + answer.text + "\n";
    }
    repeat(found, wrong);
    clear(wrong);
    if (!wrong.empty()) report_.violations.push_back(place + ":\n" + wrong);
}

Snapshot Sweep::look() const {
    try {
        return world_.snapshot();
    } catch (const std::exception& error) {
        // What goes while it is looked at.
        return Snapshot{{"error", error.what()}};
    }
}

Found Sweep::compare(const Snapshot& snapshot) const {
    if (snapshot == after_) return Found::After;
    if (snapshot == before_) return Found::Before;
    Snapshot same = snapshot;
    for (const std::string& line : operation_.oneByOne) {
        const auto now = snapshot.find(line);
        const bool fits = now != snapshot.end() && (now->second == before_.at(line) || now->second == after_.at(line));
        if (fits) same[line] = before_.at(line);
    }
    return same == before_ ? Found::Between : Found::Other;
}

/// What the next daemon has made of it.
Found Sweep::settle(std::string& wrong) {
    Snapshot now = look();
    Found found = compare(now);
    if (found == Found::Other) {
        ++report_.slow;
        eventually([&] { return (found = compare(now = look())) != Found::Other; }, limit());
    }
    switch (found) {
        case Found::Before: ++report_.before; break;
        case Found::After: ++report_.after; break;
        case Found::Between: ++report_.between; break;
        case Found::Other: {
            const std::vector<std::string> fromBefore = differences(before_, now);
            const std::vector<std::string> fromAfter = differences(after_, now);
            const bool rather = fromBefore.size() < fromAfter.size();
            wrong += std::string("  neither before nor after, but rather ") + (rather ? "before:\n" : "after:\n") +
                     shown(rather ? fromBefore : fromAfter);
        }
    }
    return found;
}

void Sweep::repeat(Found found, std::string& wrong) {
    const Answer again = world_.client.send(operation_.request(world_));
    if (!again.ok() && (found == Found::Before || !operation_.whenDone.contains(again.error)))
        wrong += "  repeated, the call is answered with " + again.error + ": " + again.text + "\n";
    Snapshot now;
    if (!eventually([&] { return (now = look()) == after_; }, limit()))
        wrong += "  repeated, the call does not lead to the state after:\n" + shown(differences(after_, now));
    else if (!wrong.empty())
        wrong += "  repeated, the call leads to the state after\n";
}

void Sweep::clear(std::string& wrong) {
    const std::vector<std::string> left = world_.clear();
    if (left.empty()) return;
    dirty_ = true;
    wrong += "  at the end there is left:\n" + shown(left);
}

} // namespace

std::string Report::line() const {
    char text[256];
    std::snprintf(text, sizeof text,
                  "%-34s %4zu calls, %4zu points: %4zu before, %4zu after, %3zu between, %2zu neither; "
                  "%3zu answered, %2zu late, %3zu slow; %5.1f s",
                  name.c_str(), calls, points, before, after, between, violations.size(), answered, late, slow,
                  seconds);
    return text;
}

Report sweep(World& world, const Operation& operation, const Points& points) {
    return Sweep(world, operation).run(points);
}

} // namespace scopewright::integration
