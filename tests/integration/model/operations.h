// SPDX-License-Identifier: LGPL-2.1-or-later
// What clients, administrators and the kernel do, as a list that can be made from a seed, shortened and carried out
// again. An operation names things by small numbers: what they are just then is the model's business, so that a list
// from which some were taken still is one.
#pragma once

#include "base/value.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace scopewright::integration::model {

enum class Verb {
    Create,
    CreateAgain, ///< the same request as the last one for this sandbox that succeeded
    CreateCompatGroup,
    CreateGroup,
    UpdateSandbox,
    UpdateGroup,
    RemoveGroup,
    Attach,
    Freeze,
    Thaw,
    Adopt, ///< the scope of a process that somebody else has started
    Get,
    GetByPid,
    KillSandbox,
    StopSandbox,
    WrongCall,
    Kill,   ///< a process, by its number
    Spawn,  ///< a process in the place of one that is dead
    Enter,  ///< a process writes itself into a group, as a runtime's child does
    End,    ///< an administrator's `systemctl stop` of the scope
    Reload, ///< daemon-reload
    Crash,  ///< SIGKILL to the daemon
    Leave,  ///< SIGTERM to the daemon
};

/// Few of each, so that operations meet.
inline constexpr std::size_t kSandboxes = 5;
inline constexpr std::size_t kProcesses = 8;
inline constexpr std::size_t kGroups = 5;
inline constexpr std::size_t kTokens = 3;
inline constexpr std::size_t kResourceSets = 8;

struct Operation {
    Verb verb = Verb::Get;
    std::size_t sandbox = 0;
    std::size_t group = 0;
    std::size_t process = 0;
    std::size_t number = 0; ///< what else there is to choose

    bool operator==(const Operation&) const = default;
};

/// The same seed means the same list on every machine.
std::vector<Operation> generate(std::uint64_t seed, std::size_t count);

std::string sandboxId(std::size_t sandbox);
std::string groupName(std::size_t group); ///< the last one is the payload
std::string token(std::size_t number);    ///< "" is none

/// The resources that a create or an update asks for.
const Properties& resourcesOf(const Operation& operation);

/// The processes that a create names: one, or two.
std::vector<std::size_t> processesOf(const Operation& operation);

std::string toText(const Operation& operation);
/// One per line, for people.
std::string toText(const std::vector<Operation>& operations);

} // namespace scopewright::integration::model
