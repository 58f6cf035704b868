// SPDX-License-Identifier: LGPL-2.1-or-later
#include "crash/world.h"

#include "crash/group_lines.h"
#include "wait.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <regex>
#include <stdexcept>

namespace scopewright::integration {

namespace {

constexpr const char* kPid1 = "org.freedesktop.systemd1";
constexpr const char* kPid1Path = "/org/freedesktop/systemd1";
constexpr const char* kPid1Manager = "org.freedesktop.systemd1.Manager";
constexpr const char* kScope = "org.freedesktop.systemd1.Scope";
constexpr const char* kNeighbour = "neighbour";
constexpr const char* kForeign = "foreign.scope";

/// Those of a scope that somebody sets; the others tell what it uses.
// clang-format off
constexpr std::array kCompared{
    "AllowedCPUs", "AllowedMemoryNodes", "CPUQuotaPerSecUSec", "CPUQuotaPeriodUSec", "CPUWeight", "CollectMode",
    "Delegate", "DeviceAllow", "DevicePolicy", "IODeviceWeight", "IOReadBandwidthMax", "IOReadIOPSMax", "IOWeight",
    "IOWriteBandwidthMax", "IOWriteIOPSMax", "MemoryHigh", "MemoryLow", "MemoryMax", "MemoryMin", "MemorySwapMax",
    "MemoryZSwapMax", "MemoryZSwapWriteback", "OOMPolicy", "RuntimeMaxUSec", "Slice", "TasksMax", "TimeoutStopUSec",
};
// clang-format on

struct ToText {
    std::string operator()(bool value) const { return value ? "yes" : "no"; }
    std::string operator()(const std::string& value) const { return value; }
    std::string operator()(const BorrowedFds&) const { return "descriptors"; }
    std::string operator()(const Unreadable& value) const { return value.signature; }
    template <class First, class Second>
    std::string operator()(const std::pair<First, Second>& value) const {
        return (*this)(value.first) + "=" + (*this)(value.second);
    }
    template <class Item>
    std::string operator()(const std::vector<Item>& items) const {
        std::string text;
        for (const Item& item : items)
            text += (text.empty() ? "" : ",") + (*this)(item);
        return text;
    }
    template <class Number>
    std::string operator()(const Number& value) const {
        return std::to_string(value);
    }
};

/// The request's digest is made of process numbers, and is checked by a sum.
std::string withoutNumbers(const std::string& description) {
    static const std::regex changing("(req|crc)=[0-9a-f]+");
    return std::regex_replace(description, changing, "$1=");
}

std::string unitPath(const std::string& unit) {
    char* path = nullptr;
    bus::check(sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit.c_str(), &path), "encode a unit's path");
    const std::unique_ptr<char, decltype(&std::free)> owned(path, &std::free);
    return path;
}

struct UnitLine {
    std::string name;
    std::string description;
    std::string active;
    std::string job;
};

std::vector<UnitLine> unitsIn(const Answer& answer) {
    sd_bus_message* m = answer.must().reply.raw();
    std::vector<UnitLine> lines;
    bus::check(sd_bus_message_enter_container(m, 'a', "(ssssssouso)"), "read units");
    while (bus::check(sd_bus_message_enter_container(m, 'r', "ssssssouso"), "read units") > 0) {
        const auto [name, description, load, active, sub, following, path, jobId, jobType, job] =
            bus::unpack<std::string, std::string, std::string, std::string, std::string, std::string, bus::ObjectPath,
                        std::uint32_t, std::string, bus::ObjectPath>(answer.reply);
        lines.push_back(UnitLine{name, description, active, jobType});
        bus::check(sd_bus_message_exit_container(m), "read units");
    }
    return lines;
}

} // namespace

std::vector<std::string> differences(const Snapshot& expected, const Snapshot& found) {
    std::vector<std::string> lines;
    for (const auto& [key, value] : expected)
        if (const auto other = found.find(key); other == found.end())
            lines.push_back("is missing: " + key + ": " + value);
        else if (other->second != value)
            lines.push_back(key + ": " + value + " is now " + other->second);
    for (const auto& [key, value] : found)
        if (!expected.contains(key)) lines.push_back("is new: " + key + ": " + value);
    return lines;
}

template <class... Args>
Answer World::pid1(const char* member, const Args&... args) const {
    return client.send(bus::methodCall(client.raw(), kPid1, kPid1Path, kPid1Manager, member, args...));
}

World::World(Place place) : place_(std::move(place)) {
    // A controller that a sandbox is the first to need is passed on to all of them, so this one needs it, too.
    const std::vector<std::pair<std::string, std::uint64_t>> pages{{"2MB", 4194304}};
    sandbox(kNeighbour, {"of the neighbour", "of the neighbour too"},
            {{"User", std::string("65534")}, {"memory.limit", std::int64_t{1} << 28}, {"hugepageLimits", pages}});
    must("CreateCompatGroup", kNeighbour, "c1", Properties{{"pids.limit", std::int64_t{9}}}, std::uint64_t{0});
    scope(kForeign, "of a foreign scope");
    child("of the caller");
    // What a start has to set right is set right before.
    ::kill(daemon(), SIGKILL);
    restart();
    beginning_ = snapshot();
}

World::~World() {
    client.manager("StopSandbox", kNeighbour);
}

Child& World::child(const std::string& name) {
    std::unique_ptr<Child>& child = children_[name];
    child = std::make_unique<Child>();
    return *child;
}

std::vector<std::uint32_t> World::pids(const std::vector<std::string>& names) const {
    std::vector<std::uint32_t> numbers;
    for (const std::string& name : names)
        numbers.push_back(children_.at(name)->number());
    return numbers;
}

void World::sandbox(const std::string& id, const std::vector<std::string>& processes, const Properties& more) {
    for (const std::string& process : processes)
        child(process);
    Properties properties = more;
    properties.push_back({"PIDs", pids(processes)});
    must("CreateSandbox", id, properties, std::uint64_t{0});
}

void World::scope(const std::string& unit, const std::string& process) {
    child(process);
    const Properties properties{
        {"Slice", std::string("scopewright.slice")}, {"Delegate", true}, {"PIDs", pids({process})}};
    const bus::Message request = bus::methodCall(client.raw(), kPid1, kPid1Path, kPid1Manager, "StartTransientUnit",
                                                 unit, std::string("fail"), properties);
    bus::check(sd_bus_message_append(request.raw(), "a(sa(sv))", 0), "append no auxiliary units");
    client.send(request).must();
    const auto runs = [&] {
        for (const UnitLine& line : unitsIn(pid1("ListUnitsByNames", std::vector<std::string>(1, unit))))
            if (line.active != "active" || !line.job.empty()) return false;
        return at(process).controlGroup().ends_with("/" + unit);
    };
    if (!eventually(runs)) throw std::runtime_error(unit + " does not start");
}

std::string World::directory(const std::string& process) const {
    return place_.mountPoint + children_.at(process)->controlGroup();
}

pid_t World::daemon() const {
    const Answer answer = client.bus("GetConnectionUnixProcessID", "org.scopewright1");
    return static_cast<pid_t>(std::get<0>(answer.get<std::uint32_t>()));
}

void World::askPid1() const {
    client.send(bus::methodCall(client.raw(), kPid1, kPid1Path, "org.freedesktop.DBus.Peer", "Ping")).must();
}

bool World::hasUnit(const std::string& unit) const {
    const std::vector<UnitLine> lines =
        unitsIn(pid1("ListUnitsByPatterns", std::vector<std::string>(), std::vector<std::string>(1, unit)));
    return !lines.empty();
}

void World::restart() const {
    constexpr int kOften = 1;
    if (!eventually([&] { return client.owner().empty(); }, patience(), kOften))
        throw std::runtime_error("the daemon's name stays taken");
    if (place_.restart) place_.restart();
}

Snapshot World::snapshot() const {
    Snapshot snapshot;
    addSandboxes(snapshot);
    addUnits(snapshot);
    addGroups(snapshot);
    addProcesses(snapshot);
    return snapshot;
}

void World::addSandboxes(Snapshot& snapshot) const {
    const Answer answer = must("ListSandboxes");
    sd_bus_message* m = answer.reply.raw();
    bus::check(sd_bus_message_enter_container(m, 'a', "(ssuo)"), "read sandboxes");
    while (bus::check(sd_bus_message_enter_container(m, 'r', "ssuo"), "read sandboxes") > 0) {
        const auto [id, unit, uid, object] =
            bus::unpack<std::string, std::string, std::uint32_t, bus::ObjectPath>(answer.reply);
        snapshot["listed " + id] = unit + " " + std::to_string(uid) + " " + object.path;
        bus::check(sd_bus_message_exit_container(m), "read sandboxes");
    }
    const auto [json] = must("Describe").get<std::string>();
    const nlohmann::json described = nlohmann::json::parse(json).flatten();
    for (const auto& [key, value] : described.items())
        snapshot["described " + key] = value.dump();
}

void World::addUnits(Snapshot& snapshot) const {
    const std::vector<std::string> states;
    for (const UnitLine& line : unitsIn(pid1("ListUnitsByPatterns", states, std::vector<std::string>(1, "*.scope")))) {
        snapshot["unit " + line.name] =
            line.active + (line.job.empty() ? "" : " (" + line.job + ")") + ": " + withoutNumbers(line.description);
        const Answer answer = client.send(
            bus::methodCall(client.raw(), kPid1, unitPath(line.name).c_str(), kProperties, "GetAll", kScope));
        for (const Property& property : dictionaryIn(answer))
            if (std::find(kCompared.begin(), kCompared.end(), property.name) != kCompared.end())
                snapshot["property " + property.name + " of " + line.name] = std::visit(ToText(), property.value);
    }
}

void World::addGroups(Snapshot& snapshot) const {
    std::vector<pid_t> known;
    for (const auto& [name, child] : children_)
        known.push_back(child->pid());
    for (const auto& [key, value] : groupLines(place_.mountPoint + place_.below, known))
        snapshot.emplace(key, value);
}

void World::addProcesses(Snapshot& snapshot) const {
    for (const auto& [name, child] : children_)
        snapshot["process " + name] = child->alive() ? child->controlGroup() : "dead";
}

std::vector<std::string> World::clear() {
    Snapshot now;
    addSandboxes(now);
    for (const auto& [key, value] : now)
        if (key.starts_with("listed ") && !beginning_.contains(key))
            client.manager("StopSandbox", key.substr(key.find(' ') + 1));
    std::erase_if(children_, [&](const auto& child) { return !beginning_.contains("process " + child.first); });
    eventually([&] { return (now = snapshot()) == beginning_; }, patience() / 4);
    return differences(beginning_, now);
}

} // namespace scopewright::integration
