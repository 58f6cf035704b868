// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sandbox/apply.h"

#include "base/error.h"
#include "base/log.h"
#include "cgroup/device_filter.h"
#include "cgroup/path.h"
#include "limits/devices.h"
#include "limits/drift.h"
#include "limits/text.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <set>

namespace scopewright::sandbox {

namespace {

bool isMissing(int error) {
    return error == ENOENT || error == ENODEV;
}

/// Where a group has the file but does not use it: a weight of a device whose scheduler knows none.
bool isIdle(int error) {
    return error == EOPNOTSUPP;
}

/// Before 6.13 the kernel lets nobody empty the set of a group with processes (ENOSPC). All that there could ever be
/// come to the same.
int writeEverything(const cgroup::Group& group, const limits::FileValue& file) {
    const char* list = file.file == "cpuset.cpus"   ? "/sys/devices/system/cpu/possible"
                       : file.file == "cpuset.mems" ? "/sys/devices/system/node/possible"
                                                    : "";
    std::string everything;
    if (!std::getline(std::ifstream(list), everything)) return ENOSPC;
    return group.tryWrite(file.file.c_str(), everything);
}

int write(const cgroup::Group& group, const limits::FileValue& file) {
    const int error = group.tryWrite(file.file.c_str(), file.value);
    return error == ENOSPC && file.value == "\n" ? writeEverything(group, file) : error;
}

bool has(const std::vector<std::string>& names, const std::string& name) {
    return std::ranges::find(names, name) != names.end();
}

} // namespace

void Undo::remember(const cgroup::Group& group, const limits::FileValue& file) {
    if (!needed_) return;
    limits::FileValue old = file;
    old.value = limits::former(file, group.read(file.file.c_str()).value_or(""));
    old_.push_back(Old{group.duplicate(), std::move(old)});
}

void Undo::run() noexcept {
    for (auto old = old_.rbegin(); old != old_.rend(); ++old)
        if (const int error = write(old->group, old->file))
            log::warning("the old value of " + old->file.file + " could not be brought back (errno " +
                         std::to_string(error) + ")");
    old_.clear();
}

void writeFiles(const cgroup::Group& group, const std::vector<limits::FileValue>& files, bool growing, Refusal refusal,
                std::vector<limits::Skip>& skipped, Undo& undo) {
    // Which controllers a group has is asked when one of their files is not there.
    std::optional<std::vector<std::string>> available;
    for (const limits::FileValue& file : limits::inOrder(files, growing)) {
        if (!file.ifAbsent.empty() && group.read(file.ifAbsent.c_str())) continue;
        undo.remember(group, file);
        const int error = write(group, file);
        if (error != 0) undo.forgetLast();
        if (isMissing(error) && !file.controller.empty()) {
            if (!available) available = group.controllers();
            if (!has(*available, file.controller)) {
                addSkip(skipped, {file.key, limits::missingController(file.controller)});
                continue;
            }
        }
        if (error == 0 || ((isMissing(error) || isIdle(error)) && file.ifPresent)) continue;
        // A file that this kernel has not is like a controller that it has not.
        if (refusal == Refusal::Throw && !isMissing(error))
            throw errnoError("write " + quoted(file.value) + " to " + file.file + " for " + file.key, error);
        addSkip(skipped, {file.key, limits::refusedByKernel(error)});
    }
}

void restoreFiles(const cgroup::Group& group, const std::string& path, const std::vector<limits::FileValue>& files,
                  std::map<std::string, std::string>& stubborn) {
    for (const limits::FileValue& file : limits::inOrder(files, true)) {
        if (!file.property.empty()) continue;
        if (!file.ifAbsent.empty() && group.read(file.ifAbsent.c_str())) continue;
        const std::optional<std::string> before = group.read(file.file.c_str());
        if (!before || limits::holds(file, *before)) continue;
        const std::string name = path + "/" + file.file;
        const auto known = stubborn.find(name + " " + file.value);
        if (known != stubborn.end() && known->second == *before) continue;
        const int error = write(group, file);
        if (error != 0) {
            log::debug(errnoError("write " + quoted(file.value) + " to " + name + " again", error).what());
            continue;
        }
        log::info(name + " held " + quoted(*before) + " and is " + quoted(file.value) + " again");
        const std::optional<std::string> after = group.read(file.file.c_str());
        if (after && !limits::holds(file, *after)) stubborn.insert_or_assign(name + " " + file.value, *after);
    }
}

void applyDevices(const cgroup::Group& group, const std::optional<std::vector<limits::DeviceRule>>& rules,
                  std::vector<limits::Skip>& skipped) {
    std::vector<cgroup::DeviceRule> filter;
    if (rules)
        for (const limits::DeviceRule& rule : *rules)
            filter.push_back({rule.allow, rule.type, rule.major, rule.minor, limits::accessBits(rule.access)});
    try {
        if (rules)
            cgroup::applyDeviceFilter(group, filter);
        else
            cgroup::removeDeviceFilter(group);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::NotSupported) throw;
        // Where no filter can be, none is to be taken away.
        if (!rules) return;
        log::warning(error.what());
        addSkip(skipped, {"devices", limits::kNeedsProgram});
    }
}

void verifyDevices(const cgroup::Group& scope, const Properties& told, std::vector<limits::Skip>& skipped) {
    const auto policy = std::ranges::find(told, "DevicePolicy", &Property::name);
    if (policy == told.end() || limits::valueText(policy->value) != "strict") return;
    const std::optional<bool> filtered = cgroup::hasAnyDeviceFilter(scope);
    if (!filtered.value_or(false)) addSkip(skipped, {"devices", filtered ? limits::kUnenforced : limits::kUnverified});
}

void passOn(const cgroup::Group& root, const std::string& controlGroup, const std::vector<limits::FileValue>& files) {
    constexpr std::array<std::string_view, 3> kForeignToSystemd{"hugetlb", "misc", "rdma"};
    std::set<std::string> wanted;
    for (const limits::FileValue& file : files)
        if (std::ranges::find(kForeignToSystemd, file.controller) != kForeignToSystemd.end())
            wanted.insert(file.controller);
    if (wanted.empty()) return;
    const std::vector<std::string> controllers(wanted.begin(), wanted.end());
    std::string path;
    std::optional<cgroup::Group> group = root.duplicate();
    for (const std::string& component : cgroup::components(controlGroup)) {
        if (!group) return;
        group->enable(controllers);
        path += "/" + component;
        group = root.open(path);
    }
}

std::vector<limits::DeviceNumber> absentDevices(const limits::Resources& resources) {
    std::vector<limits::DeviceNumber> absent;
    for (const limits::DeviceNumber& device : limits::blockDevices(resources)) {
        const std::string path = "/sys/dev/block/" + std::to_string(device.major) + ":" + std::to_string(device.minor);
        if (::access(path.c_str(), F_OK) < 0) absent.push_back(device);
    }
    return absent;
}

} // namespace scopewright::sandbox
