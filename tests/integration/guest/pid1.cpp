// SPDX-License-Identifier: LGPL-2.1-or-later
#include "guest/pid1.h"

#include "wait.h"

#include <cstdlib>
#include <memory>
#include <stdexcept>

namespace scopewright::integration {

namespace {

constexpr const char* kName = "org.freedesktop.systemd1";
constexpr const char* kPath = "/org/freedesktop/systemd1";
constexpr const char* kInterface = "org.freedesktop.systemd1.Manager";

std::string pathOf(const std::string& unit) {
    char* path = nullptr;
    bus::check(sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit.c_str(), &path), "encode a unit's path");
    return std::unique_ptr<char, decltype(&std::free)>(path, &std::free).get();
}

const char* typeOf(const std::string& unit) {
    if (unit.ends_with(".service")) return "org.freedesktop.systemd1.Service";
    if (unit.ends_with(".slice")) return "org.freedesktop.systemd1.Slice";
    return "org.freedesktop.systemd1.Scope";
}

} // namespace

template <class... Args>
Answer Pid1::manager(const char* member, const Args&... args) const {
    return client_.send(bus::methodCall(client_.raw(), kName, kPath, kInterface, member, args...));
}

std::vector<Pid1::Line> Pid1::list(const std::string& pattern) const {
    const std::vector<std::string> states;
    const std::vector<std::string> patterns{pattern};
    const Answer answer = manager("ListUnitsByPatterns", states, patterns);
    sd_bus_message* m = answer.must().reply.raw();
    std::vector<Line> lines;
    bus::check(sd_bus_message_enter_container(m, 'a', "(ssssssouso)"), "read units");
    while (bus::check(sd_bus_message_enter_container(m, 'r', "ssssssouso"), "read units") > 0) {
        const auto [name, description, load, active] =
            bus::unpack<std::string, std::string, std::string, std::string>(answer.reply);
        lines.push_back(Line{name, description, load, active});
        bus::check(sd_bus_message_skip(m, "ssouso"), "read units");
        bus::check(sd_bus_message_exit_container(m), "read units");
    }
    return lines;
}

std::optional<Pid1::Line> Pid1::find(const std::string& unit) const {
    const std::vector<Line> lines = list(unit);
    if (lines.empty()) return std::nullopt;
    return lines.front();
}

std::string Pid1::state(const std::string& unit) const {
    const std::optional<Line> line = find(unit);
    return line ? line->active : "";
}

Properties Pid1::properties(const std::string& unit) const {
    Properties all;
    for (const char* interface : {"org.freedesktop.systemd1.Unit", typeOf(unit)}) {
        const Properties some = dictionaryIn(client_.send(bus::methodCall(
            client_.raw(), kName, pathOf(unit).c_str(), integration::kProperties, "GetAll", interface)));
        all.insert(all.end(), some.begin(), some.end());
    }
    return all;
}

std::string Pid1::controlGroup(const std::string& unit) const {
    return find(unit) ? textOf(properties(unit), "ControlGroup") : "";
}

pid_t Pid1::mainPid(const std::string& service) const {
    return static_cast<pid_t>(valueOf<std::uint32_t>(properties(service), "MainPID"));
}

unsigned Pid1::version() const {
    const Answer answer = client_.send(
        bus::methodCall(client_.raw(), kName, kPath, integration::kProperties, "Get", kInterface, "Version"));
    const auto [value] = answer.get<Value>();
    const std::string text = std::get<std::string>(value);
    return static_cast<unsigned>(std::stoul(text.substr(text.find_first_of("0123456789"))));
}

Answer Pid1::tryStartScope(const std::string& unit, const Properties& properties) const {
    bus::Message call =
        bus::methodCall(client_.raw(), kName, kPath, kInterface, "StartTransientUnit", unit, "fail", properties);
    bus::check(sd_bus_message_append(call.raw(), "a(sa(sv))", 0), "append nothing");
    return client_.send(call);
}

void Pid1::startScope(const std::string& unit, pid_t pid, const Properties& more) const {
    Properties properties = more;
    properties.push_back({"PIDs", std::vector<std::uint32_t>{static_cast<std::uint32_t>(pid)}});
    tryStartScope(unit, properties).must();
    if (!eventually([&] { return state(unit) == "active"; })) throw std::runtime_error(unit + " did not start");
}

Answer Pid1::setProperties(const std::string& unit, const Properties& properties) const {
    return manager("SetUnitProperties", unit, true, properties);
}

Answer Pid1::attach(const std::string& unit, pid_t pid) const {
    bus::Message call = bus::methodCall(client_.raw(), kName, kPath, kInterface, "AttachProcessesToUnit", unit, "");
    bus::check(sd_bus_message_append(call.raw(), "au", 1, static_cast<std::uint32_t>(pid)), "append a process");
    return client_.send(call);
}

Answer Pid1::freeze(const std::string& unit) const {
    return manager("FreezeUnit", unit);
}

Answer Pid1::thaw(const std::string& unit) const {
    return manager("ThawUnit", unit);
}

void Pid1::start(const std::string& unit) const {
    manager("StartUnit", unit, "replace").must();
    if (!eventually([&] { return state(unit) == "active"; })) throw std::runtime_error(unit + " did not start");
}

void Pid1::stop(const std::string& unit) const {
    const Answer answer = manager("StopUnit", unit, "replace");
    if (answer.error == "org.freedesktop.systemd1.NoSuchUnit") return;
    answer.must();
    const auto over = [&] {
        const std::string now = state(unit);
        return now.empty() || now == "inactive" || now == "failed";
    };
    if (!eventually(over)) throw std::runtime_error(unit + " did not stop");
}

void Pid1::kill(const std::string& unit, int signal) const {
    manager("KillUnit", unit, "all", static_cast<std::int32_t>(signal)).must();
}

void Pid1::resetFailed(const std::string& unit) const {
    manager("ResetFailedUnit", unit);
}

void Pid1::reload() const {
    manager("Reload").must();
}

void Pid1::reexecute() const {
    const std::string before = client_.owner(kName);
    const Answer answer = manager("Reexecute");
    // PID 1 leaves the bus without an answer and comes back under another name.
    const auto back = [&] {
        const std::string now = client_.owner(kName);
        return !now.empty() && now != before && manager("GetUnit", std::string("init.scope")).ok();
    };
    if (!eventually(back)) throw std::runtime_error("PID 1 did not come back: " + answer.error);
}

} // namespace scopewright::integration
