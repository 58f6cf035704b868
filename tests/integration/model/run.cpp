// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/run.h"

#include "answers.h"
#include "error_names.h"
#include "model/observe.h"
#include "model/shrink.h"
#include "model/wrong_calls.h"
#include "wait.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <stdexcept>

namespace scopewright::integration::model {

namespace {

constexpr std::uint64_t kNoFlags = 0;

std::int32_t signalOf(const Operation& operation) {
    return operation.number % 2 == 0 ? SIGKILL : SIGTERM;
}

std::string namesOf(const std::set<std::string>& names) {
    std::string text;
    for (const std::string& name : names)
        text += (text.empty() ? "" : " or ") + name;
    return text.empty() ? "success" : text;
}

class Run {
public:
    Run(const World& world, std::chrono::milliseconds limit)
        : world_(world), limit_(limit), home_(controlGroupOf(::getpid())) {
        while (children_.size() < kProcesses)
            children_.push_back(std::make_unique<Child>());
    }

    /// Throws what is wrong.
    void step(const Operation& abstract, bool thorough) {
        const Operation operation = model_.resolved(abstract);
        const pid_t before = world_.daemon();
        perform(operation);
        compare(operation, thorough);
        const bool meant = operation.verb == Verb::Crash || operation.verb == Verb::Leave;
        if (!meant && before != 0 && world_.daemon() != before) throw std::runtime_error("the daemon died");
    }

private:
    Properties createProperties(const Operation& o) const {
        Properties properties = resourcesOf(o);
        std::vector<std::uint32_t> pids;
        for (std::size_t process : processesOf(o))
            pids.push_back(children_[process]->number());
        properties.push_back({"PIDs", std::move(pids)});
        if (const std::string word = token(o.number); !word.empty()) properties.push_back({"Token", word});
        return properties;
    }

    std::vector<std::uint32_t> pidsOf(const Operation& o) const { return {children_[o.process]->number()}; }

    /// Some of the calls have a twin on the object that they are about.
    std::optional<Answer> callObject(const Operation& o) const {
        const std::string sandbox = sandboxPath(sandboxId(o.sandbox));
        const std::string group = groupPath(sandboxId(o.sandbox), groupName(o.group));
        const Properties& resources = resourcesOf(o);
        switch (o.verb) {
            case Verb::CreateCompatGroup:
                return client_.call(sandbox, kSandbox, "CreateCompatGroup", groupName(o.group), resources, kNoFlags);
            case Verb::CreateGroup:
                return client_.call(sandbox, kSandbox, "CreateGroup", groupName(o.group), resources, kNoFlags);
            case Verb::UpdateSandbox: return client_.call(sandbox, kSandbox, "Update", resources);
            case Verb::UpdateGroup: return client_.call(group, kGroup, "Update", resources);
            case Verb::RemoveGroup: return client_.call(group, kGroup, "Remove");
            case Verb::Attach: return client_.call(sandbox, kSandbox, "AttachProcesses", groupName(o.group), pidsOf(o));
            case Verb::Freeze: return client_.call(sandbox, kSandbox, "Freeze");
            case Verb::Thaw: return client_.call(sandbox, kSandbox, "Thaw");
            case Verb::KillSandbox: return client_.call(sandbox, kSandbox, "Kill", signalOf(o));
            case Verb::StopSandbox: return client_.call(sandbox, kSandbox, "Stop");
            default: return std::nullopt;
        }
    }

    /// The answer to a call; nothing if the operation is none.
    std::optional<Answer> call(const Operation& o) const {
        if (o.number % 5 == 4)
            if (std::optional<Answer> answer = callObject(o)) return answer;
        const std::string id = sandboxId(o.sandbox);
        const std::string group = groupName(o.group);
        const Properties& resources = resourcesOf(o);
        switch (o.verb) {
            case Verb::Create: return client_.manager("CreateSandbox", id, createProperties(o), kNoFlags);
            case Verb::CreateCompatGroup: return client_.manager("CreateCompatGroup", id, group, resources, kNoFlags);
            case Verb::CreateGroup: return client_.manager("CreateGroup", id, group, resources, kNoFlags);
            case Verb::UpdateSandbox: return client_.manager("UpdateSandbox", id, resources);
            case Verb::UpdateGroup: return client_.manager("UpdateGroup", id, group, resources);
            case Verb::RemoveGroup: return client_.manager("RemoveGroup", id, group);
            case Verb::Attach: return client_.manager("AttachProcesses", id, group, pidsOf(o));
            case Verb::Freeze: return client_.manager("FreezeSandbox", id);
            case Verb::Thaw: return client_.manager("ThawSandbox", id);
            case Verb::Adopt:
                if (model_.refusals(o).empty()) world_.start(foreignUnit(o.sandbox), children_[o.process]->pid());
                return client_.manager("AdoptSandbox", id, foreignUnit(o.sandbox), resources, kNoFlags);
            case Verb::Get: return client_.manager("GetSandbox", id);
            case Verb::GetByPid: return client_.manager("GetSandboxByPID", children_[o.process]->number());
            case Verb::KillSandbox: return client_.manager("KillSandbox", id, signalOf(o));
            case Verb::StopSandbox: return client_.manager("StopSandbox", id);
            default: return std::nullopt;
        }
    }

    void perform(const Operation& o) {
        if (o.verb == Verb::WrongCall) {
            const WrongCall wrong =
                callWrongly(client_, o.number, sandboxId(o.sandbox), children_[o.process]->number());
            return check(wrong.answer, wrong.allowed);
        }
        const std::set<std::string> refusals = model_.refusals(o);
        if (const std::optional<Answer> answer = call(o)) {
            check(*answer, refusals);
            if (answer->ok()) checkContent(o, *answer);
        } else {
            act(o);
        }
        if (refusals.empty()) model_.carryOut(o);
    }

    void check(const Answer& answer, const std::set<std::string>& refusals) const {
        if (refusals.empty() ? answer.ok() : refusals.contains(answer.error)) return;
        throw std::runtime_error("the answer is " +
                                 (answer.ok() ? "success" : answer.error + " (" + answer.text + ")") + " and must be " +
                                 namesOf(refusals));
    }

    void checkContent(const Operation& o, const Answer& answer) const {
        const auto differs = [](const std::string& is, const std::string& wanted) {
            if (is != wanted) throw std::runtime_error("the answer is '" + is + "' and must be '" + wanted + "'");
        };
        const std::string scope = world_.slice + "/" + model_.unitOf(o.sandbox);
        const std::string object = sandboxPath(sandboxId(o.sandbox));
        if (o.verb == Verb::Create) {
            const Created created = createdBy(answer);
            differs(created.object + " " + created.unit + " " + created.controlGroup,
                    object + " " + model_.unitOf(o.sandbox) + " " + scope);
        } else if (o.verb == Verb::Adopt) {
            const auto [path, controlGroup] = answer.get<bus::ObjectPath, std::string>();
            differs(path.path + " " + controlGroup, object + " " + world_.slice + "/" + foreignUnit(o.sandbox));
        } else if (o.verb == Verb::CreateCompatGroup || o.verb == Verb::CreateGroup) {
            differs(std::get<1>(answer.get<bus::ObjectPath, std::string>()), scope + "/" + groupName(o.group));
        } else if (o.verb == Verb::Get) {
            differs(std::get<0>(answer.get<bus::ObjectPath>()).path, object);
        } else if (o.verb == Verb::GetByPid) {
            differs(std::get<0>(answer.get<bus::ObjectPath>()).path,
                    sandboxPath(sandboxId(*model_.processes()[o.process].sandbox)));
        }
    }

    /// What is done to the world and not asked of the daemon.
    void act(const Operation& o) {
        switch (o.verb) {
            case Verb::Kill: children_[o.process]->kill(); break;
            case Verb::Spawn:
                // A dead one is still a zombie, so that its number is nobody else's.
                if (!model_.processes()[o.process].alive) children_[o.process] = std::make_unique<Child>();
                break;
            case Verb::Enter: {
                const std::string name = groupName(o.group);
                if (!model_.processes()[o.process].alive || !model_.takesProcesses(o.sandbox, name)) break;
                const std::string group = world_.slice + "/" + model_.unitOf(o.sandbox) + "/" + name;
                std::ofstream file(world_.directory(group) + "/cgroup.procs");
                file << children_[o.process]->pid() << std::flush;
                if (!file) throw std::runtime_error("a process cannot enter " + group);
                break;
            }
            case Verb::End:
                if (model_.sandboxes().contains(o.sandbox)) world_.end(model_.unitOf(o.sandbox));
                break;
            case Verb::Reload: world_.reload(); break;
            case Verb::Crash:
                world_.crash();
                follower_.restart();
                break;
            case Verb::Leave:
                world_.leave();
                follower_.restart();
                break;
            default: break;
        }
    }

    void compare(const Operation& operation, bool thorough) {
        std::string difference = look(operation, thorough);
        // What was asked for is there when the answer comes; only what happens by itself may take its time.
        if (!difference.empty() && model_.settling())
            eventually([&] { return (difference = look(operation, thorough)).empty(); }, limit_);
        if (!difference.empty()) throw std::runtime_error(difference);
    }

    std::string look(const Operation& operation, bool thorough) {
        const Observed observed = observe(client_, follower_, world_, children_, home_);
        const std::vector<std::string> expected = model_.lines();
        std::string text;
        const auto add = [&](const char* what, const std::vector<std::string>& from,
                             const std::vector<std::string>& less) {
            std::vector<std::string> only;
            std::ranges::set_difference(from, less, std::back_inserter(only));
            for (const std::string& line : only)
                text += std::string("\n        ") + what + ": " + line;
        };
        add("missing", expected, observed.lines);
        add("too much", observed.lines, expected);
        if (!text.empty()) return "the world is not as it must be" + text;
        for (const auto& [number, sandbox] : model_.sandboxes()) {
            if (!thorough && number != operation.sandbox) continue;
            std::vector<std::string> groups;
            for (const auto& [name, group] : sandbox.groups)
                groups.push_back(name + " " + group.kind);
            if (groupLines(client_, sandboxId(number)) != groups)
                return "ListGroups of " + sandboxId(number) + " differs";
        }
        for (const ModelValue& value : model_.values()) {
            if (!thorough && value.unit != model_.unitOf(operation.sandbox)) continue;
            if (const std::string difference = notInForce(client_, world_, observed, value); !difference.empty())
                return difference;
        }
        return "";
    }

    const World& world_;
    std::chrono::milliseconds limit_;
    std::string home_;
    Client client_;
    Follower follower_{client_};
    Model model_;
    std::vector<std::unique_ptr<Child>> children_;
};

std::optional<std::uint64_t> numberIn(const char* variable) {
    const char* text = std::getenv(variable);
    return text && *text ? std::optional(std::strtoull(text, nullptr, 10)) : std::nullopt;
}

} // namespace

std::optional<Failure> carryOut(const World& world, const std::vector<Operation>& operations,
                                std::chrono::milliseconds limit) {
    constexpr std::size_t kBetweenThoroughLooks = 16;
    Run run(world, limit);
    for (std::size_t at = 0; at < operations.size(); ++at) {
        try {
            run.step(operations[at], at % kBetweenThoroughLooks == 0 || at + 1 == operations.size());
        } catch (const std::exception& error) {
            return Failure{at, error.what()};
        }
    }
    return std::nullopt;
}

std::size_t wantedOperations(std::size_t otherwise) {
    return static_cast<std::size_t>(numberIn("SCOPEWRIGHT_MODEL_OPERATIONS").value_or(otherwise));
}

std::string tryLists(std::size_t count, const Attempt& attempt) {
    constexpr std::size_t kLongest = 1000;
    constexpr std::size_t kTries = 300;
    const std::optional<std::uint64_t> given = numberIn("SCOPEWRIGHT_MODEL_SEED");
    // Short enough to be typed again.
    const std::uint64_t first = given.value_or(std::random_device()() % 1000000000);
    for (std::uint64_t seed = first; count > 0; ++seed) {
        const std::size_t length = std::min(count, kLongest);
        count = given ? 0 : count - length;
        std::vector<Operation> operations = generate(seed, length);
        std::printf("model: seed %llu, %zu operations\n", static_cast<unsigned long long>(seed), length);
        std::fflush(stdout);
        std::optional<Failure> failure = attempt(operations, patience());
        if (!failure) continue;
        std::printf("operation %zu: %s\n", failure->at + 1, failure->what.c_str());
        operations.resize(failure->at + 1);
        // What a wait was for is not worth the whole of it again and again.
        const std::chrono::milliseconds shorter = patience() / 10;
        const auto fails = [&](const std::vector<Operation>& less) {
            std::optional<Failure> next = attempt(less, shorter);
            if (next) failure = std::move(next);
            return next.has_value();
        };
        operations = shrink(std::move(operations), fails, kTries);
        return "seed " + std::to_string(seed) + ", as short as it gets:\n" + toText(operations) + "    " +
               failure->what + "\n";
    }
    return "";
}

} // namespace scopewright::integration::model
