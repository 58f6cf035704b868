// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/operations.h"

#include <array>
#include <random>
#include <utility>

namespace scopewright::integration::model {

namespace {

struct Row {
    Verb verb;
    unsigned weight; ///< how often, of the sum of all
    const char* text;
};

// clang-format off
constexpr std::array kRows{
    Row{Verb::Create,            14, "CreateSandbox"},
    Row{Verb::CreateAgain,        5, "CreateSandbox again"},
    Row{Verb::CreateCompatGroup, 10, "CreateCompatGroup"},
    Row{Verb::CreateGroup,        6, "CreateGroup"},
    Row{Verb::UpdateSandbox,      8, "UpdateSandbox"},
    Row{Verb::UpdateGroup,        8, "UpdateGroup"},
    Row{Verb::RemoveGroup,        7, "RemoveGroup"},
    Row{Verb::Attach,             7, "AttachProcesses"},
    Row{Verb::Freeze,             4, "FreezeSandbox"},
    Row{Verb::Thaw,               4, "ThawSandbox"},
    Row{Verb::Adopt,              5, "AdoptSandbox"},
    Row{Verb::Get,                2, "GetSandbox"},
    Row{Verb::GetByPid,           5, "GetSandboxByPID"},
    Row{Verb::KillSandbox,        3, "KillSandbox"},
    Row{Verb::StopSandbox,        5, "StopSandbox"},
    Row{Verb::WrongCall,          6, "wrong call"},
    Row{Verb::Kill,               6, "kill"},
    Row{Verb::Spawn,             11, "spawn"},
    Row{Verb::Enter,              4, "enter"},
    Row{Verb::End,                1, "systemctl stop"},
    Row{Verb::Reload,             3, "daemon-reload"},
    Row{Verb::Crash,              2, "SIGKILL to the daemon"},
    Row{Verb::Leave,              2, "SIGTERM to the daemon"},
};
// clang-format on

constexpr unsigned kAll = [] {
    unsigned sum = 0;
    for (const Row& row : kRows)
        sum += row.weight;
    return sum;
}();

const Row& rowOf(Verb verb) {
    for (const Row& row : kRows)
        if (row.verb == verb) return row;
    return kRows.front();
}

Verb chosen(std::uint64_t number) {
    for (const Row& row : kRows) {
        if (number < row.weight) return row.verb;
        number -= row.weight;
    }
    return Verb::Get;
}

std::size_t setOf(const Operation& operation) {
    return operation.number / 100 % kResourceSets;
}

} // namespace

std::vector<Operation> generate(std::uint64_t seed, std::size_t count) {
    // The engine is the same everywhere, the standard's distributions are not. That small numbers come a little more
    // often does no harm.
    std::mt19937_64 engine(seed);
    const auto below = [&](std::size_t end) { return static_cast<std::size_t>(engine() % end); };
    std::vector<Operation> operations;
    while (operations.size() < count) {
        Operation operation;
        operation.verb = chosen(engine() % kAll);
        operation.sandbox = below(kSandboxes);
        operation.group = below(kGroups);
        operation.process = below(kProcesses);
        operation.number = below(1000);
        operations.push_back(operation);
    }
    return operations;
}

std::string sandboxId(std::size_t sandbox) {
    return "s" + std::to_string(sandbox);
}

std::string groupName(std::size_t group) {
    static constexpr std::array<const char*, kGroups> kNames{"c1", "c:2", "cri-containerd-3.scope", "p-4", "payload"};
    return kNames[group];
}

std::string token(std::size_t number) {
    return number % kTokens == 0 ? "" : "t" + std::to_string(number % kTokens);
}

const Properties& resourcesOf(const Operation& operation) {
    using Pairs = std::vector<std::pair<std::string, std::uint64_t>>;
    constexpr std::int64_t kMega = 1 << 20;
    const auto huge = [](std::uint64_t pages) { return Pairs{{"2MB", pages << 21}}; };
    static const std::array<Properties, kResourceSets> kSets{{
        {},
        {{"pids.limit", std::int64_t{64}}},
        {{"memory.limit", 256 * kMega}, {"pids.limit", std::int64_t{-1}}},
        {{"cpu.shares", std::int64_t{1024}}},
        {{"hugepageLimits", huge(3)}, {"cpu.shares", std::int64_t{262144}}},
        {{"memory.limit", std::int64_t{-1}}, {"hugepageLimits", huge(5)}},
        {{"pids.limit", std::int64_t{100}}, {"memory.limit", 512 * kMega}, {"cpu.shares", std::int64_t{2}}},
        {{"hugepageLimits", huge(0)}, {"pids.limit", std::int64_t{17}}},
    }};
    return kSets[setOf(operation)];
}

std::vector<std::size_t> processesOf(const Operation& operation) {
    std::vector<std::size_t> processes{operation.process};
    if (operation.number % 4 == 3) processes.push_back((operation.process + 1) % kProcesses);
    return processes;
}

std::string toText(const Operation& o) {
    const std::string text = rowOf(o.verb).text;
    const std::string sandbox = " " + sandboxId(o.sandbox);
    const std::string group = sandbox + "/" + groupName(o.group);
    const std::string resources = " resources " + std::to_string(setOf(o));
    const std::string process = " process " + std::to_string(o.process);
    switch (o.verb) {
        case Verb::Create:
        case Verb::CreateAgain:
            return text + sandbox + process + (processesOf(o).size() > 1 ? " and the next" : "") + " token '" +
                   token(o.number) + "'" + resources;
        case Verb::CreateCompatGroup:
        case Verb::CreateGroup:
        case Verb::UpdateGroup: return text + group + resources;
        case Verb::UpdateSandbox: return text + sandbox + resources;
        case Verb::RemoveGroup: return text + group;
        case Verb::Get:
        case Verb::Freeze:
        case Verb::Thaw:
        case Verb::End:
        case Verb::StopSandbox: return text + sandbox;
        case Verb::KillSandbox: return text + sandbox + (o.number % 2 == 0 ? " SIGKILL" : " SIGTERM");
        case Verb::WrongCall: return text + sandbox + " number " + std::to_string(o.number);
        case Verb::GetByPid:
        case Verb::Kill:
        case Verb::Spawn: return text + process;
        case Verb::Attach:
        case Verb::Enter: return text + process + group;
        case Verb::Adopt: return text + sandbox + process + resources;
        case Verb::Reload:
        case Verb::Crash:
        case Verb::Leave: return text;
    }
    return text;
}

std::string toText(const std::vector<Operation>& operations) {
    std::string text;
    for (const Operation& operation : operations)
        text += "    " + toText(operation) + "\n";
    return text;
}

} // namespace scopewright::integration::model
