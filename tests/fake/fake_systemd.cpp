// SPDX-License-Identifier: LGPL-2.1-or-later
// The units: what becomes of them, of their jobs and of their control groups.
#include "fake_systemd.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace scopewright::fake {

namespace {

/// "a-b.slice" lives in "a.slice"; "-.slice" is the root.
std::string slicePath(const std::string& slice) {
    std::string path;
    const std::string stem = slice.substr(0, slice.rfind(".slice"));
    if (stem == "-") return path;
    for (std::size_t dash = stem.find('-'); dash != std::string::npos; dash = stem.find('-', dash + 1))
        path += "/" + stem.substr(0, dash) + ".slice";
    return path + "/" + slice;
}

} // namespace

bool says(const std::string& name, const std::string& word) {
    const auto border = [&](std::size_t at) {
        return at >= name.size() || !std::isalnum(static_cast<unsigned char>(name[at]));
    };
    for (std::size_t at = name.find(word); at != std::string::npos; at = name.find(word, at + 1))
        if ((at == 0 || border(at - 1)) && border(at + word.size())) return true;
    return false;
}

FakeSystemd::FakeSystemd(sd_event* event) : event_(sd_event_ref(event)) {}

FakeSystemd::~FakeSystemd() {
    detach();
    for (Later& later : later_)
        sd_event_source_disable_unref(later.source);
    for (auto& [name, unit] : units_) {
        sd_event_source_disable_unref(unit.watch);
        if (unit.events >= 0) ::close(unit.events);
    }
    sd_event_unref(event_);
}

void FakeSystemd::misuse(const std::string& what) {
    misuses_.push_back(what);
}

std::size_t FakeSystemd::logged(const std::string& line) const {
    return static_cast<std::size_t>(std::count(log_.begin(), log_.end(), line));
}

Unit* FakeSystemd::find(const std::string& name) {
    const auto found = units_.find(name);
    return found == units_.end() ? nullptr : &found->second;
}

std::vector<std::string> FakeSystemd::names() const {
    std::vector<std::string> all;
    for (const auto& [name, unit] : units_)
        all.push_back(name);
    return all;
}

Unit& FakeSystemd::addUnit(const std::string& name, const std::string& description, const std::string& activeState,
                           const std::vector<pid_t>& pids) {
    Unit& unit = units_[name];
    unit.name = name;
    unit.description = description;
    unit.activeState = activeState;
    unit.pids.assign(pids.begin(), pids.end());
    if (activeState == "active") {
        place(unit);
        move(unit);
    }
    return unit;
}

/// Makes the control group and watches it, before anything can live there.
void FakeSystemd::place(Unit& unit) {
    unit.controlGroup = tree_.prefix() + slicePath(unit.slice) + "/" + unit.name;
    tree_.make(unit.controlGroup);
    unit.events = ::open((tree_.directory(unit.controlGroup) + "/cgroup.events").c_str(), O_RDONLY | O_CLOEXEC);
    char byte = 0;
    if (unit.events < 0 || ::pread(unit.events, &byte, 1, 0) < 0) throw std::runtime_error("no cgroup.events");
    if (sd_event_add_io(event_, &unit.watch, unit.events, EPOLLPRI, onEvents, this) < 0)
        throw std::runtime_error("cannot watch cgroup.events");
}

void FakeSystemd::move(Unit& unit) {
    for (std::uint32_t pid : unit.pids)
        tree_.move(unit.controlGroup, static_cast<pid_t>(pid));
}

/// PID 1 removes a scope when it becomes empty: not one that has been empty all along, for which no event comes.
int FakeSystemd::onEvents(sd_event_source* source, int fd, std::uint32_t, void* userdata) noexcept {
    FakeSystemd& self = *static_cast<FakeSystemd*>(userdata);
    char text[256];
    const ssize_t got = ::pread(fd, text, sizeof text - 1, 0);
    const bool empty =
        got < 0 || std::string(text, static_cast<std::size_t>(got)).find("populated 0") != std::string::npos;
    if (!empty) return 0;
    for (const auto& [name, unit] : self.units_) {
        if (unit.watch != source) continue;
        const std::string copy = name;
        if (unit.stopping)
            self.finishStop(copy);
        else if (unit.job == 0 && !says(copy, "stopslow") && !says(copy, "stophang") && !says(copy, "stopfail"))
            self.remove(copy);
        return 0;
    }
    return 0;
}

void FakeSystemd::remove(const std::string& name) {
    Unit* unit = find(name);
    if (!unit) return;
    sd_event_source_disable_unref(unit->watch);
    unit->watch = nullptr;
    if (unit->events >= 0) ::close(unit->events);
    unit->events = -1;
    if (!unit->controlGroup.empty()) tree_.remove(unit->controlGroup);
    units_.erase(name);
    log_.push_back("UnitRemoved " + name);
    if (!quiet) emit(kUniqueName, "UnitRemoved", "so", name.c_str(), pathOf(name).c_str());
}

void FakeSystemd::endJob(Unit& unit, const std::string& result, bool announce) {
    const std::string path = "/org/freedesktop/systemd1/job/" + std::to_string(unit.job);
    const std::uint32_t id = std::exchange(unit.job, 0);
    unit.jobType.clear();
    unit.startPending = false;
    log_.push_back("JobRemoved " + unit.name + " " + result);
    for (int turn = says(unit.name, "twice") ? 2 : 1; announce && turn > 0; --turn)
        emit(kUniqueName, "JobRemoved", "uoss", id, path.c_str(), unit.name.c_str(), result.c_str());
}

void FakeSystemd::finishStart(const std::string& name) {
    Unit* unit = find(name);
    if (!unit || !unit->startPending) return;
    if (says(name, "fail")) {
        endJob(*unit, "failed");
        return remove(name);
    }
    if (says(name, "vanish") || (says(name, "deadonce") && logged("StartTransientUnit " + name) == 1)) {
        endJob(*unit, "done");
        return remove(name);
    }
    if (says(name, "hang")) return;
    if (unit->controlGroup.empty()) place(*unit);
    if (!says(name, "empty")) move(*unit);
    if (!quiet) tellOf(*unit);
    if (says(name, "hangmoved")) return;
    unit->activeState = says(name, "failmoved") ? "failed" : "active";
    endJob(*unit, says(name, "failmoved") ? "failed" : "done", !says(name, "lost"));
}

void FakeSystemd::release(const std::string& name, const std::string& result) {
    Unit* unit = find(name);
    if (!unit || unit->job == 0) throw std::runtime_error("no job of " + name);
    if (unit->jobType == "stop") return finishStop(name);
    if (result != "done") {
        endJob(*unit, result);
        unit->activeState = "failed";
        if (unit->controlGroup.empty() || !tree_.populated(unit->controlGroup)) remove(name);
        return;
    }
    if (unit->controlGroup.empty()) {
        place(*unit);
        move(*unit);
    }
    unit->activeState = "active";
    endJob(*unit, result);
    if (!tree_.populated(unit->controlGroup)) later(std::chrono::milliseconds(0), [this, name] { remove(name); });
}

void FakeSystemd::stop(const std::string& name) {
    Unit* unit = find(name);
    if (!unit) throw std::runtime_error("no unit " + name);
    if (unit->startPending) {
        misuse("StopUnit " + name + " before its start job was over: this crashes PID 1");
        endJob(*unit, "canceled");
    }
    if (unit->job == 0) unit->job = ++lastJob_;
    unit->jobType = "stop";
    unit->activeState = "deactivating";
    if (says(name, "stophang")) return;
    const auto act = [this, name] {
        Unit* now = find(name);
        if (!now || now->jobType != "stop") return;
        now->stopping = !says(name, "stopfail");
        if (says(name, "stopfail")) {
            endJob(*now, "timeout");
            now->activeState = "failed";
        } else if (now->controlGroup.empty() || !tree_.populated(now->controlGroup)) {
            finishStop(name);
        } else {
            tree_.kill(now->controlGroup);
        }
    };
    later(says(name, "stopslow") ? delay : std::chrono::milliseconds(0), act);
}

void FakeSystemd::isolate() {
    for (const std::string& name : names()) {
        Unit* unit = find(name);
        if (!unit->startPending) {
            stop(name);
            continue;
        }
        endJob(*unit, "canceled");
        remove(name);
    }
}

void FakeSystemd::finishStop(const std::string& name) {
    Unit* unit = find(name);
    if (!unit) return;
    endJob(*unit, "done");
    remove(name);
}

void FakeSystemd::reload() {
    emit(kUniqueName, "Reloading", "b", 1);
    for (const char* member : {"UnitRemoved", "UnitNew"})
        for (const auto& [name, unit] : units_)
            if (!quiet) emit(kUniqueName, member, "so", name.c_str(), pathOf(name).c_str());
    emit(kUniqueName, "Reloading", "b", 0);
}

void FakeSystemd::spoofJobRemoved(const std::string& unit, std::uint32_t job, const std::string& result) {
    const std::string path = "/org/freedesktop/systemd1/job/" + std::to_string(job);
    emit(":1.666", "JobRemoved", "uoss", job, path.c_str(), unit.c_str(), result.c_str());
}

void FakeSystemd::later(std::chrono::milliseconds when, std::function<void()> act) {
    Later& entry = later_.emplace_back(Later{this, std::move(act), nullptr});
    const auto onTime = [](sd_event_source* source, std::uint64_t, void* userdata) noexcept {
        FakeSystemd& self = *static_cast<FakeSystemd*>(userdata);
        for (auto at = self.later_.begin(); at != self.later_.end(); ++at) {
            if (at->source != source) continue;
            const std::function<void()> due = std::move(at->act);
            self.later_.erase(at);
            sd_event_source_disable_unref(source);
            due();
            break;
        }
        return 0;
    };
    const auto delayed = std::chrono::duration_cast<std::chrono::microseconds>(when).count();
    if (sd_event_add_time_relative(event_, &entry.source, CLOCK_MONOTONIC, static_cast<std::uint64_t>(delayed), 1,
                                   onTime, this) < 0)
        throw std::runtime_error("cannot add a timer");
}

} // namespace scopewright::fake
