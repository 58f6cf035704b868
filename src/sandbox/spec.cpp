// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sandbox/spec.h"

#include "base/error.h"
#include "bus/codec.h"
#include "cgroup/path.h"
#include "limits/oci_json.h"
#include "sandbox/policy.h"
#include "sandbox/sandbox.h"
#include "state/text.h"

#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <memory>
#include <set>

namespace scopewright::sandbox {

namespace {

constexpr std::size_t kLongestWords = 128;
constexpr std::size_t kLongestToken = 64;

template <class T>
const T& as(const Property& property, const char* type) {
    const T* value = std::get_if<T>(&property.value);
    if (!value) throw Error(ErrorCode::InvalidArgument, property.name + " takes a value of type " + type);
    return *value;
}

std::string plain(const Property& property, std::size_t longest) {
    const std::string& text = as<std::string>(property, "s");
    if (text.size() > longest)
        throw Error(ErrorCode::InvalidArgument,
                    property.name + " is longer than " + std::to_string(longest) + " bytes");
    if (!state::isPlain(text))
        throw Error(ErrorCode::InvalidArgument,
                    property.name + " " + quoted(text) + " has a character other than A-Z a-z 0-9 space = : . _ -");
    return text;
}

std::string token(const Property& property) {
    std::string text = plain(property, kLongestToken);
    if (text.empty() || text.find_first_of(" =") != std::string::npos)
        throw Error(ErrorCode::InvalidArgument, "Token " + quoted(text) + " is empty or has a space or '='");
    return text;
}

std::chrono::microseconds duration(const Property& property) {
    constexpr std::uint64_t kLongest = 365ULL * 24 * 3600 * 1000000;
    const std::uint64_t value = as<std::uint64_t>(property, "t");
    if (value == 0 || value > kLongest)
        throw Error(ErrorCode::InvalidArgument, property.name + " " + std::to_string(value) + " is not in 1.." +
                                                    std::to_string(kLongest) + " microseconds");
    return std::chrono::microseconds(value);
}

std::optional<unsigned> number(const std::string& text) {
    unsigned id = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (error != std::errc() || end != text.data() + text.size() || id == UINT32_MAX) return std::nullopt;
    return id;
}

struct FileClose {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

/// The entry of that name in a local database. Others, which nsswitch.conf(5) may add, can take as long as a network
/// does, and this is the only thread.
template <class Entry>
const Entry* findLocal(const char* database, Entry* (*next)(std::FILE*), std::string_view (*nameOf)(const Entry&),
                       std::string_view name) {
    const std::unique_ptr<std::FILE, FileClose> file(std::fopen(database, "re"));
    while (const Entry* entry = file ? next(file.get()) : nullptr)
        if (nameOf(*entry) == name) return entry;
    return nullptr;
}

void handOverTo(const Property& property, state::Record& record) {
    const std::string& name = as<std::string>(property, "s");
    std::optional<unsigned> id = number(name);
    if (property.name == "User") {
        const passwd* entry = findLocal<passwd>(
            "/etc/passwd", ::fgetpwent, [](const passwd& e) { return std::string_view(e.pw_name); }, name);
        if (entry && !id) id = entry->pw_uid;
        if (entry && !record.group) record.group = entry->pw_gid;
        record.user = id;
    } else {
        const ::group* entry = findLocal<::group>(
            "/etc/group", ::fgetgrent, [](const ::group& e) { return std::string_view(e.gr_name); }, name);
        if (entry && !id) id = entry->gr_gid;
        record.group = id;
    }
    if (!id) throw Error(ErrorCode::InvalidArgument, property.name + " " + quoted(name) + " is not known here");
}

std::size_t countProcesses(const Property& property) {
    return property.name == "PIDFDs" ? as<BorrowedFds>(property, "ah").fds.size()
                                     : as<std::vector<std::uint32_t>>(property, "au").size();
}

/// Before the first of them is opened.
void checkCount(std::size_t processes, const config::Config& config) {
    if (processes > config.processesPerCall)
        throw Error(ErrorCode::LimitsExceeded,
                    "more than " + std::to_string(config.processesPerCall) + " processes in one call");
}

/// `open` once for each process; the first that is not there is remembered.
template <class Handle, class Open>
void addEach(const std::vector<Handle>& handles, Open open, Processes& processes, std::exception_ptr& missing) {
    for (const Handle& handle : handles) {
        try {
            processes.push_back(open(handle));
        } catch (const Error& error) {
            if (error.code() != ErrorCode::ProcessUnknown) throw;
            if (!missing) missing = std::current_exception();
        }
    }
}

void addProcesses(const Property& property, Processes& processes, std::exception_ptr& missing) {
    if (property.name == "PIDFDs")
        addEach(as<BorrowedFds>(property, "ah").fds, Process::byFd, processes, missing);
    else
        addEach(as<std::vector<std::uint32_t>>(property, "au"), Process::byNumber, processes, missing);
}

void refuseDuplicates(const Processes& processes) {
    std::set<pid_t> seen;
    for (const Process& process : processes)
        if (!seen.insert(process.pid()).second)
            throw Error(ErrorCode::InvalidArgument, "process " + std::to_string(process.pid()) + " is named twice");
}

/// A dotted key, or all of them as the JSON object of OCI's configuration; what is named apart wins over that.
bool setResource(limits::Resources& resources, const Property& property) {
    if (property.name == "resources")
        resources = limits::merge(limits::fromOciJson(as<std::string>(property, "s")), resources);
    else if (limits::isResourceKey(property.name))
        limits::set(resources, property.name, property.value);
    else
        return false;
    return true;
}

[[noreturn]] void refuseProperty(const Property& property) {
    constexpr std::array<std::string_view, 2> kLater{"Aggregate", "OverheadPIDs"};
    if (std::ranges::find(kLater, property.name) != kLater.end())
        throw Error(ErrorCode::NotSupported, "property " + quoted(property.name) + " is not supported yet");
    throw Error(ErrorCode::PropertyNotAllowed, "property " + quoted(property.name) + " is not one of CreateSandbox's");
}

/// What is there for new sandboxes and for adopted ones. False if it is something else.
bool setCommon(SandboxSpec& spec, const Property& property) {
    const std::string& name = property.name;
    // clang-format off
    if (name == "Description") spec.words = plain(property, kLongestWords);
    else if (name == "Token") spec.record.token = token(property);
    else if (name == "User" || name == "Group") handOverTo(property, spec.record);
    else if (name == "Strict") spec.strict = as<bool>(property, "b");
    else return setResource(spec.resources, property);
    // clang-format on
    return true;
}

/// Two requests with the same digest ask for the same.
std::string digest(const SandboxSpec& spec) {
    // Of what the caller said, not of defaults, which a reload may change between two calls for the same. A process
    // that was named by number counts even if it is there no more; a descriptor of one that has exited does not tell
    // its number.
    const std::set<std::uint32_t> pids(spec.numbers.begin(), spec.numbers.end());
    std::string text = spec.askedSlice + "|" + spec.unit + "|" + spec.words + "|" +
                       (spec.timeoutStop ? std::to_string(spec.timeoutStop->count()) : std::string("-")) + "|" +
                       std::to_string(spec.descriptors) + "|" +
                       std::to_string(spec.runtimeMax ? spec.runtimeMax->count() : 0) + "|" +
                       std::to_string(spec.strict) + "|" + limits::toText(spec.resources);
    for (const std::optional<unsigned>& id : {spec.record.user, spec.record.group})
        text += "|" + (id ? std::to_string(*id) : std::string("-"));
    for (std::uint32_t pid : pids)
        text += "|" + std::to_string(pid);
    return state::digest(text);
}

void complete(SandboxSpec& spec) {
    limits::checkTogether(spec.resources);
    spec.record.id = spec.key.id;
    spec.record.uid = spec.key.uid;
    spec.record.unit = spec.unit;
    spec.record.resources = limits::toText(spec.resources);
    spec.record.request = digest(spec);
}

void place(SandboxSpec& spec, const std::optional<UnitPlace>& path, const config::Config& config) {
    if (path && (!spec.slice.empty() || !spec.unit.empty()))
        throw Error(ErrorCode::InvalidArgument, "CgroupsPath cannot stand beside Slice or UnitName");
    if (path) {
        spec.slice = path->slice;
        spec.unit = path->unit;
    }
    spec.askedSlice = spec.slice;
    // Below the user's own slice nobody has more than what the user was given: root moves the processes, so the kernel
    // does not ask whether they may leave.
    const bool free = isAdministrator(spec.key.uid);
    if (spec.slice.empty()) spec.slice = free ? config.defaultSlice : config::userSlice(config, spec.key.uid);
    if (spec.unit.empty()) spec.unit = defaultUnit(spec.key);
    if (free ? !config::allowsSlice(config, spec.slice) : spec.slice != config::userSlice(config, spec.key.uid))
        throw Error(ErrorCode::SliceNotAllowed,
                    "slice " + quoted(spec.slice) + " is not " +
                        (free ? "one of allowed-slices" : "the user-slice of uid " + std::to_string(spec.key.uid)) +
                        " in scopewright.toml");
}

} // namespace

void checkFlags(std::uint64_t flags) {
    if (flags != 0)
        throw Error(ErrorCode::InvalidArgument, "flags " + std::to_string(flags) + " are not known; they must be 0");
}

void checkShape(const Properties& properties, const config::Config& config) {
    if (bus::bytesIn(properties) > config.requestBytes)
        throw Error(ErrorCode::LimitsExceeded,
                    "the properties are longer than " + std::to_string(config.requestBytes) + " bytes");
    std::set<std::string_view> seen;
    for (const Property& property : properties)
        if (!seen.insert(property.name).second)
            throw Error(ErrorCode::InvalidArgument, "property " + quoted(property.name) + " is given twice");
}

void refuseSkipsIfStrict(bool strict, const std::vector<limits::Skip>& skipped) {
    if (!strict || skipped.empty()) return;
    const limits::Skip& first = skipped.front();
    const ErrorCode code =
        limits::isControllerMissing(first) ? ErrorCode::ControllerUnavailable : ErrorCode::NotSupported;
    throw Error(code, first.key + " cannot be applied: " + limits::reason(first));
}

SandboxSpec parseSandbox(const Key& key, const Properties& properties, std::uint64_t flags,
                         const config::Config& config) {
    checkId(key.id);
    checkFlags(flags);
    checkShape(properties, config);
    SandboxSpec spec;
    spec.key = key;
    spec.words = "Sandbox " + key.id;
    std::optional<UnitPlace> path;
    for (const Property& property : properties) {
        const std::string& name = property.name;
        // clang-format off
        if (name == "CgroupsPath") path = parseCgroupsPath(as<std::string>(property, "s"));
        else if (name == "Slice") spec.slice = as<std::string>(property, "s");
        else if (name == "UnitName") checkUnitName(spec.unit = as<std::string>(property, "s"));
        else if (name == "TimeoutStopUSec") spec.timeoutStop = duration(property);
        else if (name == "RuntimeMaxUSec") spec.runtimeMax = duration(property);
        else if (name == "PIDs") spec.numbers = as<std::vector<std::uint32_t>>(property, "au");
        else if (name == "PIDFDs") spec.descriptors = as<BorrowedFds>(property, "ah").fds.size();
        else if (!setCommon(spec, property)) refuseProperty(property);
        // clang-format on
    }
    if (spec.numbers.empty() && spec.descriptors == 0)
        throw Error(ErrorCode::InvalidArgument, "PIDs and PIDFDs are empty: PID 1 starts no scope without a process");
    checkCount(spec.numbers.size() + spec.descriptors, config);
    place(spec, path, config);
    complete(spec);
    return spec;
}

void openProcesses(SandboxSpec& spec, const Properties& properties) {
    for (const Property& property : properties)
        if (property.name == "PIDs" || property.name == "PIDFDs") addProcesses(property, spec.processes, spec.missing);
    refuseDuplicates(spec.processes);
}

SandboxSpec parseAdoption(const Key& key, const std::string& unit, const Properties& properties, std::uint64_t flags,
                          const config::Config& config) {
    checkId(key.id);
    checkFlags(flags);
    checkShape(properties, config);
    checkUnitName(unit);
    SandboxSpec spec;
    spec.key = key;
    spec.unit = unit;
    spec.record.adopted = true;
    for (const Property& property : properties)
        if (!setCommon(spec, property))
            throw Error(ErrorCode::PropertyNotAllowed,
                        "property " + quoted(property.name) + " is not one of AdoptSandbox's");
    complete(spec);
    return spec;
}

Processes parseProcesses(const Property& named, const config::Config& config) {
    checkCount(countProcesses(named), config);
    Processes processes;
    std::exception_ptr missing;
    addProcesses(named, processes, missing);
    if (missing) std::rethrow_exception(missing);
    refuseDuplicates(processes);
    return processes;
}

GroupSpec parseGroup(const char* kind, const Key& sandbox, const std::string& name, const Properties& properties,
                     std::uint64_t flags, const config::Config& config) {
    checkFlags(flags);
    checkShape(properties, config);
    cgroup::checkGroupName(name);
    GroupSpec spec;
    spec.name = name;
    spec.kind = kind;
    spec.directory = spec.kind == kCompat ? config.nameTemplate : std::string("{name}");
    spec.directory.replace(spec.directory.find("{name}"), 6, name);
    if (const std::size_t at = spec.directory.find("{id}"); at != std::string::npos)
        spec.directory.replace(at, 4, sandbox.id);
    cgroup::checkGroupName(spec.directory);
    for (const Property& property : properties) {
        if (property.name == "Strict")
            spec.strict = as<bool>(property, "b");
        else if (!setResource(spec.resources, property))
            throw Error(ErrorCode::PropertyNotAllowed, "property " + quoted(property.name) + " is not a group's");
    }
    limits::checkTogether(spec.resources);
    return spec;
}

limits::Resources parseUpdate(const Properties& properties, const config::Config& config) {
    checkShape(properties, config);
    limits::Resources resources;
    for (const Property& property : properties)
        if (!setResource(resources, property))
            throw Error(ErrorCode::PropertyNotAllowed, quoted(property.name) + " is not a resource");
    return resources;
}

} // namespace scopewright::sandbox
