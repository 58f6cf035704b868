// SPDX-License-Identifier: LGPL-2.1-or-later
// The bus side of the fake PID 1: its methods, their answers and errors, as systemd 247 to 262 give them.
#include "fake_systemd.h"

#include "bus/codec.h"

#include <fnmatch.h>
#include <signal.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <stdexcept>

namespace scopewright::fake {

namespace {

constexpr const char* kPath = "/org/freedesktop/systemd1";
constexpr const char* kManager = "org.freedesktop.systemd1.Manager";
constexpr const char* kProperties = "org.freedesktop.DBus.Properties";
constexpr const char* kUnitPrefix = "/org/freedesktop/systemd1/unit";

int checked(int result) {
    if (result < 0) throw std::runtime_error(std::string("sd-bus: ") + std::strerror(-result));
    return result;
}

template <class T>
T basic(sd_bus_message* m, char type) {
    T value{};
    checked(sd_bus_message_read_basic(m, type, &value));
    return value;
}

std::string text(sd_bus_message* m) {
    return basic<const char*>(m, 's');
}

template <class T>
std::vector<T> items(sd_bus_message* m, char type) {
    const char contents[2] = {type, 0};
    std::vector<T> all;
    T value{};
    checked(sd_bus_message_enter_container(m, 'a', contents));
    while (checked(sd_bus_message_read_basic(m, type, &value)) > 0)
        all.push_back(value);
    checked(sd_bus_message_exit_container(m));
    return all;
}

std::uint32_t pidOfFd(int fd) {
    std::FILE* file = std::fopen(("/proc/self/fdinfo/" + std::to_string(fd)).c_str(), "re");
    if (!file) return 0;
    char line[256];
    int pid = 0;
    while (std::fgets(line, sizeof line, file))
        if (std::sscanf(line, "Pid: %d", &pid) == 1) break;
    std::fclose(file);
    return pid > 0 ? static_cast<std::uint32_t>(pid) : 0;
}

bool isScopeName(const std::string& name) {
    constexpr const char* kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\";
    return name.size() > 6 && name.size() < 256 && name.compare(name.size() - 6, 6, ".scope") == 0 &&
           name.find_first_not_of(kAllowed) == std::string::npos;
}

std::string jobPath(std::uint32_t job) {
    return job == 0 ? "/" : "/org/freedesktop/systemd1/job/" + std::to_string(job);
}

/// PID 1's rule: the first component that is a unit but no slice.
std::string unitOf(const std::string& controlGroup) {
    std::istringstream parts(controlGroup);
    for (std::string part; std::getline(parts, part, '/');)
        for (const char* suffix : {".scope", ".service"})
            if (part.size() > std::strlen(suffix) &&
                part.compare(part.size() - std::strlen(suffix), std::string::npos, suffix) == 0)
                return part;
    return "-.slice";
}

} // namespace

int FakeSystemd::onCall(sd_bus_message* m, void* userdata, sd_bus_error*) noexcept {
    FakeSystemd& self = *static_cast<FakeSystemd*>(userdata);
    const std::string interface = sd_bus_message_get_interface(m) ? sd_bus_message_get_interface(m) : "";
    const std::string member = sd_bus_message_get_member(m);
    if (self.deaf) return 1;
    try {
        if (interface == kManager && std::strcmp(sd_bus_message_get_path(m), kPath) == 0)
            return self.managerCall(m, member);
        if (interface == kProperties) return self.propertiesCall(m, member);
        return 0;
    } catch (const std::exception& error) {
        self.misuse("call of " + member + " could not be handled: " + error.what());
        return -EINVAL;
    }
}

int FakeSystemd::managerCall(sd_bus_message* m, const std::string& member) {
    if (member == "StartTransientUnit") return startTransientUnit(m);
    if (member == "StopUnit") return stopUnit(m);
    if (member == "KillUnit") return killUnit(m);
    if (member == "ResetFailedUnit") return resetFailedUnit(m);
    if (member == "GetUnit") return getUnit(m);
    if (member == "GetUnitByPID") return getUnitByPid(m);
    if (member == "SetUnitProperties") return setUnitProperties(m);
    if (member.rfind("ListUnits", 0) == 0) return listUnits(m, member);
    if (member == "Subscribe" || member == "Unsubscribe") {
        subscribed_ = member == "Subscribe";
        return reply(m);
    }
    return refuse(m, "org.freedesktop.DBus.Error.UnknownMethod", "Unknown method " + member + " or interface.");
}

int FakeSystemd::startTransientUnit(sd_bus_message* m) {
    Unit unit;
    unit.name = text(m);
    const std::string mode = text(m);
    unit.properties = merged({}, readProperties(m));
    log_.push_back("StartTransientUnit " + unit.name);
    if (mode != "fail") misuse("StartTransientUnit " + unit.name + " with job mode " + mode);
    bus::check(sd_bus_message_enter_container(m, 'a', "(sa(sv))"), "read auxiliary units");
    if (sd_bus_message_at_end(m, 0) == 0) misuse("StartTransientUnit " + unit.name + " with auxiliary units");
    if (says(unit.name, "silent")) return 1;
    // What the bus answers for a PID 1 that executes itself anew and so has left it.
    if (says(unit.name, "forgets") && logged("StartTransientUnit " + unit.name) == 1)
        return refuse(m, "org.freedesktop.DBus.Error.NoReply", "Message recipient disconnected from message bus");
    if (says(unit.name, "refuse")) return refuse(m, refusal, "refused as the test wants it");
    if (!isScopeName(unit.name))
        return refuse(m, "org.freedesktop.DBus.Error.InvalidArgs", "Unit name " + unit.name + " is not valid.");
    if (units_.count(unit.name))
        return refuse(m, "org.freedesktop.systemd1.UnitExists",
                      "Unit " + unit.name + " was already loaded or has a fragment file.");
    std::string why;
    if (const std::string error = refuseProperties(unit.name, unit.properties, why); !error.empty())
        return refuse(m, error, why);
    unit.description = unit.text("Description");
    if (unit.properties.count("Slice")) unit.slice = unit.text("Slice");
    if (unit.slice.size() < 7 || unit.slice.compare(unit.slice.size() - 6, 6, ".slice") != 0)
        return refuse(m, "org.freedesktop.DBus.Error.InvalidArgs", "Slice " + unit.slice + " is not valid.");
    if (const auto numbers = unit.properties.find("PIDs"); numbers != unit.properties.end())
        unit.pids = std::get<std::vector<std::uint32_t>>(numbers->second);
    if (const auto given = unit.properties.find("PIDFDs"); given != unit.properties.end())
        for (int fd : std::get<BorrowedFds>(given->second).fds)
            unit.pids.push_back(pidOfFd(fd));
    if (unit.pids.empty())
        return refuse(m, "org.freedesktop.DBus.Error.FileNotFound", "Unit " + unit.name + " not found.");
    for (std::uint32_t pid : unit.pids) {
        if (pid <= 1) misuse("pid " + std::to_string(pid) + " given to PID 1");
        if (pid == 0 || ::kill(static_cast<pid_t>(pid), 0) < 0)
            return refuse(m, "org.freedesktop.DBus.Error.UnixProcessIdUnknown",
                          "Process with ID " + std::to_string(pid) + " does not exist.");
    }
    unit.activeState = "activating";
    unit.job = ++lastJob_;
    unit.jobType = "start";
    unit.startPending = true;
    const std::string name = unit.name;
    const std::string job = jobPath(unit.job);
    units_[name] = std::move(unit);
    if (says(name, "early"))
        finishStart(name);
    else
        later(says(name, "slow") ? delay : std::chrono::milliseconds(0), [this, name] { finishStart(name); });
    if (says(name, "mute")) return 1;
    if (!says(name, "late")) return reply(m, "o", job.c_str());
    sd_bus_message_ref(m);
    later(delay, [this, m, job] {
        reply(m, "o", job.c_str());
        sd_bus_message_unref(m);
    });
    return 1;
}

int FakeSystemd::stopUnit(sd_bus_message* m) {
    const std::string name = text(m);
    log_.push_back("StopUnit " + name);
    if (!find(name)) return refuse(m, "org.freedesktop.systemd1.NoSuchUnit", "Unit " + name + " not loaded.");
    stop(name);
    return reply(m, "o", jobPath(find(name)->job).c_str());
}

int FakeSystemd::killUnit(sd_bus_message* m) {
    const std::string name = text(m);
    const std::string who = text(m);
    const int signal = basic<std::int32_t>(m, 'i');
    log_.push_back("KillUnit " + name + " " + who + " " + std::to_string(signal));
    Unit* unit = find(name);
    if (!unit) return refuse(m, "org.freedesktop.systemd1.NoSuchUnit", "Unit " + name + " not loaded.");
    for (const std::string& group : tree_.below(unit->controlGroup)) {
        std::istringstream pids(tree_.read(group, "cgroup.procs"));
        for (pid_t pid; pids >> pid;)
            if (pid > 1) ::kill(pid, signal);
    }
    return reply(m);
}

int FakeSystemd::resetFailedUnit(sd_bus_message* m) {
    const std::string name = text(m);
    log_.push_back("ResetFailedUnit " + name);
    Unit* unit = find(name);
    if (!unit) return refuse(m, "org.freedesktop.systemd1.NoSuchUnit", "Unit " + name + " not loaded.");
    if (unit->activeState == "failed" && !stubborn) remove(name);
    return reply(m);
}

int FakeSystemd::getUnit(sd_bus_message* m) {
    const std::string name = text(m);
    if (!find(name)) return refuse(m, "org.freedesktop.systemd1.NoSuchUnit", "Unit " + name + " not loaded.");
    return reply(m, "o", pathOf(name).c_str());
}

int FakeSystemd::getUnitByPid(sd_bus_message* m) {
    const std::uint32_t pid = basic<std::uint32_t>(m, 'u');
    const std::string group = CgroupTree::ofProcess(static_cast<pid_t>(pid));
    if (pid == 0 || group.empty())
        return refuse(m, "org.freedesktop.systemd1.NoUnitForPID",
                      "PID " + std::to_string(pid) + " does not belong to any loaded unit.");
    return reply(m, "o", pathOf(unitOf(group)).c_str());
}

int FakeSystemd::setUnitProperties(sd_bus_message* m) {
    const std::string name = text(m);
    basic<int>(m, 'b');
    log_.push_back("SetUnitProperties " + name);
    Unit* unit = find(name);
    if (!unit) return refuse(m, "org.freedesktop.systemd1.NoSuchUnit", "Unit " + name + " not loaded.");
    if (says(name, "refuseset")) return refuse(m, refusal, "refused as the test wants it");
    const Properties changes = readProperties(m);
    std::map<std::string, Value> changed = merged({}, changes);
    std::string why;
    for (const char* fixed : {"Slice", "PIDs", "PIDFDs", "Delegate"})
        if (changed.count(fixed))
            return refuse(m, "org.freedesktop.DBus.Error.PropertyReadOnly",
                          "Cannot set property " + std::string(fixed) + ", or unknown property.");
    if (const std::string error = refuseProperties(name, changed, why); !error.empty()) return refuse(m, error, why);
    unit->properties = merged(std::move(unit->properties), changes);
    if (changed.count("Description")) unit->description = unit->text("Description");
    return reply(m);
}

int FakeSystemd::listUnits(sd_bus_message* m, const std::string& member) {
    std::vector<std::string> wanted;
    if (member == "ListUnitsByNames") {
        for (const char* name : items<const char*>(m, 's'))
            wanted.emplace_back(name);
    } else {
        std::vector<const char*> states;
        std::vector<const char*> patterns;
        if (member != "ListUnits") states = items<const char*>(m, 's');
        if (member == "ListUnitsByPatterns") patterns = items<const char*>(m, 's');
        for (const auto& [name, unit] : units_) {
            bool match = patterns.empty();
            for (const char* pattern : patterns)
                match = match || ::fnmatch(pattern, name.c_str(), FNM_NOESCAPE) == 0;
            bool state = states.empty();
            for (const char* one : states)
                state = state || unit.activeState == one || unit.loadState == one;
            if (match && state) wanted.push_back(name);
        }
    }
    sd_bus_message* answer = nullptr;
    checked(sd_bus_message_new_method_return(m, &answer));
    checked(sd_bus_message_open_container(answer, 'a', "(ssssssouso)"));
    for (const std::string& name : wanted) {
        const Unit* unit = find(name);
        checked(sd_bus_message_append(
            answer, "(ssssssouso)", name.c_str(), unit ? unit->description.c_str() : name.c_str(),
            unit ? unit->loadState.c_str() : "not-found", unit ? unit->activeState.c_str() : "inactive",
            unit ? (unit->activeState == "active" ? "running" : unit->activeState.c_str()) : "dead", "",
            pathOf(name).c_str(), unit ? unit->job : 0, unit ? unit->jobType.c_str() : "",
            jobPath(unit ? unit->job : 0).c_str()));
    }
    checked(sd_bus_message_close_container(answer));
    return send(answer, kUniqueName);
}

/// A unit's path always leads to a unit: PID 1 loads one that is not there, as "not-found".
int FakeSystemd::getAll(sd_bus_message* m, const Unit* unit) {
    sd_bus_message* answer = nullptr;
    checked(sd_bus_message_new_method_return(m, &answer));
    bus::appendDictionary(answer, shownProperties(unit));
    return send(answer, kUniqueName);
}

int FakeSystemd::propertiesCall(sd_bus_message* m, const std::string& member) {
    if (member != "Get" && member != "GetAll")
        return refuse(m, "org.freedesktop.DBus.Error.UnknownMethod", "Unknown method " + member + " or interface.");
    const std::string interface = text(m);
    const std::string property = member == "Get" ? text(m) : "";
    const std::string object = sd_bus_message_get_path(m);
    if (object == kPath && property == "Version") return reply(m, "v", "s", version.c_str());
    if (object == kPath && property == "ControlGroup") return reply(m, "v", "s", tree_.prefix().c_str());
    char* decoded = nullptr;
    if (sd_bus_path_decode(object.c_str(), kUnitPrefix, &decoded) <= 0)
        return refuse(m, "org.freedesktop.DBus.Error.UnknownObject", "Unknown object " + object + ".");
    const std::string name = decoded;
    std::free(decoded);
    const Unit* unit = find(name);
    if (member == "GetAll" && interface == "org.freedesktop.systemd1.Scope") return getAll(m, unit);
    Unit nothing;
    nothing.loadState = "not-found";
    const Unit& shown = unit ? *unit : nothing;
    if (interface == "org.freedesktop.systemd1.Scope") {
        if (property == "ControlGroup") return reply(m, "v", "s", shown.controlGroup.c_str());
        if (property == "Slice") return reply(m, "v", "s", shown.slice.c_str());
        if (property == "Result") return reply(m, "v", "s", shown.activeState == "failed" ? "resources" : "success");
        if (property == "Delegate") return reply(m, "v", "b", shown.text("Delegate") == "true");
        if (property == "TimeoutStopUSec") {
            const std::string given = shown.text(property);
            return reply(m, "v", "t", given.empty() ? std::uint64_t{90'000'000} : std::stoull(given));
        }
    }
    if (interface == "org.freedesktop.systemd1.Unit") {
        if (property == "Id") return reply(m, "v", "s", name.c_str());
        if (property == "Description") return reply(m, "v", "s", shown.description.c_str());
        if (property == "LoadState") return reply(m, "v", "s", shown.loadState.c_str());
        if (property == "ActiveState") return reply(m, "v", "s", shown.activeState.c_str());
        if (property == "Job") return reply(m, "v", "(uo)", shown.job, jobPath(shown.job).c_str());
    }
    return refuse(m, "org.freedesktop.DBus.Error.UnknownProperty", "Unknown property " + property);
}

} // namespace scopewright::fake
