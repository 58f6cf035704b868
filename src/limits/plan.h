// SPDX-License-Identifier: LGPL-2.1-or-later
// From resources to what is set where: unit properties on the scope, files in a group of ours. Pure.
#pragma once

#include "base/value.h"
#include "limits/devices.h"
#include "limits/limits.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace scopewright::limits {

/// One attribute file of a group: written as it stands, with one write(2).
struct FileValue {
    std::string controller;
    std::string key; ///< the resource that asked for it
    std::string file;
    std::string value;

    bool ifPresent = false; ///< that the group has no such file is no failure
    std::string ifAbsent;   ///< only to be written where the group has not this file either
    int rank = 1;           ///< see inOrder()
    std::string property;   ///< of PID 1's, where this only takes that one's old value back, or repeats the new one

    bool operator==(const FileValue&) const = default;
};

/// As the kernel lets them be written: swap before memory and quota before burst when limits grow, the other way round
/// when they shrink; what is of rank 0 (a group that ceases to be idle) before all else.
std::vector<FileValue> inOrder(std::vector<FileValue> files, bool growing);

/// A resource that is not in force, and why, in a form short enough for a record.
struct Skip {
    std::string key;
    std::string cause; ///< one of those below, or "controller.<name>", "unconfigured.<name>", "refused.<errno>",
                       ///< "untaken.<property>",
                       ///< "fixed.<property>"

    bool operator==(const Skip&) const = default;
};

inline constexpr const char* kNoSuchFile = "v1";         ///< control groups v2 know no such thing
inline constexpr const char* kIdleGroup = "idle";        ///< cpu.idle makes it meaningless
inline constexpr const char* kNeedsProgram = "program";  ///< a device program, which cannot be attached
inline constexpr const char* kUnenforced = "unenforced"; ///< PID 1 was told of devices, and attached no program
inline constexpr const char* kUnverified = "unverified"; ///< whether it did, cannot be seen
inline constexpr const char* kNotShown = "compat";       ///< not in a group that is only looked at
std::string missingController(std::string_view controller);
std::string unconfiguredController(std::string_view controller);
std::string refusedByKernel(int error);
std::string notTaken(std::string_view property);     ///< PID 1 refuses a property that the table says it has
std::string fixedAtStart(std::string_view property); ///< and has another value than an update asks for
bool isControllerMissing(const Skip& skip);

/// One entry for each key and cause.
void addSkip(std::vector<Skip>& skipped, Skip skip);

/// A sentence for people; the systemd version that should take the property that this one refuses, or empty.
std::string reason(const Skip& skip);
std::string since(const Skip& skip);

/// What the plan is made for.
struct Context {
    unsigned systemdVersion = 0;
    std::vector<std::string> controllers = {"cpu", "cpuset", "hugetlb", "io", "memory", "misc", "pids", "rdma"};
    bool starting = true;                    ///< the unit is new: start-only properties go, resets need not
    bool devicePrograms = false;             ///< somebody will attach ScopePlan::program
    std::vector<DeviceNumber> absentDevices; ///< of blockDevices(), those that /dev/block has not
    std::vector<std::string> notTaken;       ///< properties that this PID 1 has refused, whatever the table says
};

/// The block devices that the resources speak of. PID 1 takes any path and passes over one that leads nowhere, so the
/// caller looks first.
std::vector<DeviceNumber> blockDevices(const Resources& resources);

/// The properties come first, then the files. One exception: the kernel refuses a quota below the burst, and PID 1 only
/// logs that; so before the quota of a running scope changes, its cpu.max.burst is to be 0.
struct ScopePlan {
    Properties properties; ///< in this order: some reset what a later one sets
    std::vector<Skip> skipped;
    std::vector<FileValue> files;      ///< for the payload group, after the properties
    std::vector<FileValue> scopeFiles; ///< for the scope itself: what PID 1 never writes or does not clear
    std::vector<FileValue> echoes;     ///< for the scope: what PID 1 writes too, only to be told of refusals
    std::optional<std::vector<DeviceRule>> program; ///< what a device program in the payload group has to enforce

    bool tells(std::string_view property) const {
        return std::ranges::find(properties, property, &Property::name) != properties.end();
    }
};

/// The scope's unit properties. PID 1 writes the scope's files from its own model, again at each daemon-reload, so what
/// it models must be said to it; the rest are files.
ScopePlan planScope(const Resources& resources, const Context& context);

/// What files of an earlier plan have limited and the present plan says with a property alone: to be as in a new group.
/// A limit of 0 is such a file, since PID 1 takes none.
std::vector<FileValue> takenBack(const std::vector<FileValue>& before, const std::vector<FileValue>& now);

struct GroupPlan {
    std::vector<FileValue> files;
    std::vector<Skip> skipped;
    std::optional<std::vector<DeviceRule>> program;
};

/// A group of processes below the scope, in which PID 1 has no part: all of it as files.
GroupPlan planGroup(const Resources& resources, const Context& context);

enum class WeightFormula { Linear, Quadratic }; ///< how cAdvisor gets the shares back; how runtimes set them
enum class ReservationFile { Both, Min, Low };  ///< what cAdvisor reads; what a reservation means
struct CompatStyle {
    WeightFormula weight = WeightFormula::Linear;
    ReservationFile reservation = ReservationFile::Both;
};

/// A process-less group, with the numbers from which cAdvisor computes those of the container. Which controllers it has
/// is for the caller to see.
GroupPlan planCompat(const Resources& resources, const CompatStyle& style);

} // namespace scopewright::limits
