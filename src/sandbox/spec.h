// SPDX-License-Identifier: LGPL-2.1-or-later
// A validated request to create a sandbox or a group. Nothing of the caller's goes on from here but what a type or a
// grammar has taken in.
#pragma once

#include "base/value.h"
#include "config/config.h"
#include "limits/plan.h"
#include "sandbox/names.h"
#include "sandbox/process.h"
#include "state/record.h"

#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <vector>

namespace scopewright::sandbox {

/// How far the call to PID 1 has come: what a failure leaves behind depends on it.
enum class Start {
    NotSent, ///< or refused: there is no unit
    Sent,    ///< PID 1 has not said how it ended; it may still come
    Over,    ///< the job is over; there may be a unit
};

struct SandboxSpec {
    Key key;
    std::string slice;
    std::string askedSlice; ///< empty if the caller named none
    std::string unit;
    std::string words; ///< the caller's part of Description=
    Processes processes;
    std::vector<std::uint32_t> numbers; ///< by which they were named
    std::size_t descriptors = 0;        ///< … and how many by pidfd
    /// A process that was named and that is there no more: an error, unless the sandbox was made before it went.
    std::exception_ptr missing;
    state::Record record;
    std::optional<std::chrono::microseconds> timeoutStop;
    std::optional<std::chrono::microseconds> runtimeMax;
    bool strict = false;
    limits::Resources resources;
    Start start = Start::NotSent;
};

struct GroupSpec {
    std::string name;
    std::string kind;
    std::string directory;
    bool strict = false;
    limits::Resources resources;
};

/// Reads CreateSandbox's arguments, all but the processes themselves.
SandboxSpec parseSandbox(const Key& key, const Properties& properties, std::uint64_t flags,
                         const config::Config& config);

/// Opens the processes that a CreateSandbox names, which takes descriptors: to be called when it is known that the
/// caller may have a sandbox.
void openProcesses(SandboxSpec& spec, const Properties& properties);

/// Reads AdoptSandbox's arguments.
SandboxSpec parseAdoption(const Key& key, const std::string& unit, const Properties& properties, std::uint64_t flags,
                          const config::Config& config);

/// The processes of an AttachProcesses or AttachProcessFDs.
Processes parseProcesses(const Property& processes, const config::Config& config);

/// Reads the arguments of CreateGroup (kProcess) and CreateCompatGroup (kCompat).
GroupSpec parseGroup(const char* kind, const Key& sandbox, const std::string& name, const Properties& properties,
                     std::uint64_t flags, const config::Config& config);

/// Reads an update: resources and nothing else.
limits::Resources parseUpdate(const Properties& properties, const config::Config& config);

/// None has a meaning yet.
void checkFlags(std::uint64_t flags);

/// Before anything of a list is looked at: not too long, and no name twice.
void checkShape(const Properties& properties, const config::Config& config);

/// In a strict request a resource that is not in force is an error.
void refuseSkipsIfStrict(bool strict, const std::vector<limits::Skip>& skipped);

} // namespace scopewright::sandbox
