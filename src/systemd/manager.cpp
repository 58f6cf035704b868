// SPDX-License-Identifier: LGPL-2.1-or-later
#include "systemd/manager.h"

#include "bus/codec.h"

#include <cstdlib>
#include <memory>

namespace scopewright::systemd {

namespace {

constexpr const char* kDestination = "org.freedesktop.systemd1";
constexpr const char* kPath = "/org/freedesktop/systemd1";
constexpr const char* kInterface = "org.freedesktop.systemd1.Manager";
constexpr const char* kProperties = "org.freedesktop.DBus.Properties";
constexpr const char* kScope = "org.freedesktop.systemd1.Scope";

/// How long a job's signal may take before PID 1 is asked instead, and how often it is asked then.
constexpr std::chrono::milliseconds kBeforePolling{2000};
constexpr std::chrono::milliseconds kBetweenPolls{250};

std::string unitPath(const std::string& unit) {
    char* path = nullptr;
    bus::check(sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit.c_str(), &path), "encode a unit's path");
    std::unique_ptr<char, decltype(&std::free)> owned(path, &std::free);
    return path;
}

Job jobIn(const bus::Message& reply) {
    bus::ObjectPath path;
    bus::read(reply.raw(), path);
    const char* sender = sd_bus_message_get_sender(reply.raw());
    return Job{path.path, sender ? sender : ""};
}

std::vector<Unit> readUnits(const bus::Message& reply) {
    sd_bus_message* m = reply.raw();
    std::vector<Unit> units;
    bus::check(sd_bus_message_enter_container(m, 'a', "(ssssssouso)"), "read a list of units");
    while (bus::check(sd_bus_message_enter_container(m, 'r', "ssssssouso"), "read a list of units") > 0) {
        const auto [name, description, load, active, sub, following, path, jobId, jobType, jobPath] =
            bus::unpack<std::string, std::string, std::string, std::string, std::string, std::string, bus::ObjectPath,
                        std::uint32_t, std::string, bus::ObjectPath>(reply);
        units.push_back(Unit{name, description, load, active, jobPath.path});
        bus::check(sd_bus_message_exit_container(m), "read a list of units");
    }
    return units;
}

} // namespace

Manager::Manager(Link& link, const bus::Microseconds& patience) : link_(link), patience_(patience), jobs_(link) {}

bus::Message Manager::request(const char* member) {
    return bus::methodCall(link_.connection().raw(), kDestination, kPath, kInterface, member);
}

async::Task<std::string> Manager::managerProperty(const char* property) {
    bus::Message call =
        bus::methodCall(link_.connection().raw(), kDestination, kPath, kProperties, "Get", kInterface, property);
    bus::Message reply = co_await link_.connection().call(call, patience_);
    Value value;
    bus::read(reply.raw(), value);
    const std::string* text = std::get_if<std::string>(&value);
    co_return text ? *text : std::string();
}

async::Task<std::string> Manager::version() {
    return managerProperty("Version");
}

async::Task<std::string> Manager::ownControlGroup() {
    return managerProperty("ControlGroup");
}

/// PID 1 tells everybody on its own socket what changes of each unit, and of a job that is over afterwards only.
bus::Slot Manager::listenTo(const std::string& unit, std::function<void()>& news) {
    if (!news || !direct()) return nullptr;
    const std::string rule = "type='signal',interface='org.freedesktop.DBus.Properties',member='PropertiesChanged',"
                             "path='" +
                             unitPath(unit) + "'";
    const auto onNews = [](sd_bus_message*, void* userdata, sd_bus_error*) noexcept {
        (*static_cast<std::function<void()>*>(userdata))();
        return 0;
    };
    return link_.connection().matchNow(rule, onNews, &news);
}

async::Task<void> Manager::startScope(std::string unit, Properties properties, std::function<void()> news) {
    Jobs::Watch watch(jobs_, unit);
    const bus::Slot listening = listenTo(unit, news);
    bus::Message call = request("StartTransientUnit");
    bus::append(call.raw(), unit);
    bus::append(call.raw(), "fail");
    bus::append(call.raw(), properties);
    bus::check(sd_bus_message_append(call.raw(), "a(sa(sv))", 0), "append no auxiliary units");
    bus::Message reply = co_await link_.connection().call(call, patience_);
    const Job job = jobIn(reply);
    co_await awaitJob(watch, unit, job, "start");
}

async::Task<void> Manager::stopUnit(std::string unit) {
    Jobs::Watch watch(jobs_, unit);
    bus::Message call = request("StopUnit");
    bus::append(call.raw(), unit);
    bus::append(call.raw(), "replace");
    Job job;
    try {
        bus::Message reply = co_await link_.connection().call(call, patience_);
        job = jobIn(reply);
    } catch (const Error& error) {
        if (error.code() == ErrorCode::NoSuchUnit) co_return;
        throw;
    }
    co_await awaitJob(watch, unit, job, "stop");
}

async::Task<void> Manager::awaitJob(Jobs::Watch& watch, std::string unit, Job job, std::string verb) {
    const std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::now() + patience_;
    bus::Microseconds step = std::min<bus::Microseconds>(kBeforePolling, patience_);
    for (;;) {
        std::optional<std::string> result = co_await watch.result(job, step);
        if (result && *result == "done") co_return;
        if (result)
            throw Error(ErrorCode::UnitFailed,
                        "the " + verb + " job of unit " + quoted(unit) + " ended with " + quoted(*result));
        const bool pending = co_await jobPending(unit, job.path);
        if (!pending) co_return;
        if (std::chrono::steady_clock::now() >= deadline)
            throw Error(ErrorCode::Timeout, "the " + verb + " job of unit " + quoted(unit) + " is not over after " +
                                                std::to_string(patience_.count() / 1000) + " ms");
        step = kBetweenPolls;
    }
}

/// A PID 1 that cannot be asked, because it executes itself anew or the bus is full, has not said that the job is over.
async::Task<bool> Manager::jobPending(std::string unit, std::string job) {
    try {
        std::optional<Unit> seen = co_await inspect(unit);
        co_return seen && seen->jobPath == job;
    } catch (const Error&) {
        co_return true;
    }
}

async::Task<void> Manager::resetFailed(std::string unit) {
    bus::Message call = request("ResetFailedUnit");
    bus::append(call.raw(), unit);
    try {
        co_await link_.connection().call(call, patience_);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::NoSuchUnit) throw;
    }
}

async::Task<void> Manager::setUnitProperties(std::string unit, Properties properties) {
    if (properties.empty()) co_return;
    bus::Message call = request("SetUnitProperties");
    bus::append(call.raw(), unit);
    bus::append(call.raw(), true);
    bus::append(call.raw(), properties);
    co_await link_.connection().call(call, patience_);
}

async::Task<void> Manager::killUnit(std::string unit, int signal) {
    bus::Message call = request("KillUnit");
    bus::append(call.raw(), unit);
    bus::append(call.raw(), "all");
    bus::append(call.raw(), static_cast<std::int32_t>(signal));
    co_await link_.connection().call(call, patience_);
}

async::Task<std::optional<Unit>> Manager::inspect(std::string unit) {
    bus::Message call = request("ListUnitsByNames");
    const std::vector<std::string> names(1, unit);
    bus::append(call.raw(), names);
    bus::Message reply = co_await link_.connection().call(call, patience_);
    std::vector<Unit> units = readUnits(reply);
    if (units.empty() || !units.front().exists()) co_return std::nullopt;
    co_return units.front();
}

async::Task<std::string> Manager::controlGroup(std::string unit) {
    Value value = co_await unitProperty(unit, kScope, "ControlGroup");
    const std::string* text = std::get_if<std::string>(&value);
    co_return text ? *text : std::string();
}

async::Task<bus::Microseconds> Manager::stopTimeout(std::string unit) {
    Value value = co_await unitProperty(unit, kScope, "TimeoutStopUSec");
    const std::uint64_t* number = std::get_if<std::uint64_t>(&value);
    // For PID 1 it can be "infinity"; a caller of ours waits for an end.
    const bool bounded = number && *number < static_cast<std::uint64_t>(patience_.count());
    co_return bounded ? bus::Microseconds(static_cast<std::int64_t>(*number)) : patience_;
}

async::Task<Value> Manager::unitProperty(std::string unit, std::string interface, std::string property) {
    bus::Message call = bus::methodCall(link_.connection().raw(), kDestination, unitPath(unit).c_str(), kProperties,
                                        "Get", interface, property);
    bus::Message reply = co_await link_.connection().call(call, patience_);
    Value value;
    bus::read(reply.raw(), value);
    co_return value;
}

async::Task<Properties> Manager::scopeProperties(std::string unit) {
    const std::string path = unitPath(unit);
    bus::Message call =
        bus::methodCall(link_.connection().raw(), kDestination, path.c_str(), kProperties, "GetAll", kScope);
    bus::Message reply = co_await link_.connection().call(call, patience_);
    sd_bus_message* m = reply.raw();
    Properties properties;
    // Some two hundred of them, which is more than a caller of ours may send at once.
    bus::check(sd_bus_message_enter_container(m, 'a', "{sv}"), "read a scope's properties");
    while (bus::check(sd_bus_message_enter_container(m, 'e', "sv"), "read a scope's properties") > 0) {
        auto [name, value] = bus::unpack<std::string, Value>(reply);
        properties.push_back(Property{std::move(name), std::move(value)});
        bus::check(sd_bus_message_exit_container(m), "read a scope's properties");
    }
    co_return properties;
}

async::Task<std::vector<Unit>> Manager::listScopes() {
    bus::Message call = request("ListUnitsByPatterns");
    const std::vector<std::string> states;
    const std::vector<std::string> patterns(1, "*.scope");
    bus::append(call.raw(), states);
    bus::append(call.raw(), patterns);
    bus::Message reply = co_await link_.connection().call(call, patience_);
    co_return readUnits(reply);
}

} // namespace scopewright::systemd
