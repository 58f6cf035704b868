// SPDX-License-Identifier: LGPL-2.1-or-later
// What must be: maps of what the operations so far have made, and nothing of how the daemon does it.
#pragma once

#include "model/operations.h"

#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace scopewright::integration::model {

using ResourceTexts = std::map<std::string, std::string>;

/// By key, as text: what Resources shows of them.
ResourceTexts toTexts(const Properties& resources);

struct ModelGroup {
    std::string kind;
    ResourceTexts resources;
};

struct ModelSandbox {
    std::string unit;
    bool frozen = false;
    std::string token;
    Operation request; ///< the create that made it, with its processes as they then were
    std::array<unsigned, kProcesses> generations{};
    ResourceTexts resources;
    std::map<std::string, ModelGroup> groups; ///< by name, with the payload
};

struct ModelProcess {
    bool alive = true;
    unsigned generation = 0;            ///< how many there have been in its place
    std::optional<std::size_t> sandbox; ///< none: where it was started
    std::string group;
};

/// A limit that is in force unless the object that has it shows its key as skipped.
struct ModelValue {
    std::string unit;
    std::string group; ///< "" is the sandbox itself
    std::string key;
    std::string value;
    bool compat = false; ///< of a compat group, whose weights have a scale of their own
};

class Model {
public:
    /// The operation with its choices made: a repeated create becomes the create that it repeats, and what the frozen
    /// would only notice later becomes what they notice.
    Operation resolved(const Operation& operation) const;

    /// The names of the errors with which a call may be refused just now; none if it must succeed.
    std::set<std::string> refusals(const Operation& operation) const;

    /// What the operation, if it succeeds, makes of the world.
    void carryOut(const Operation& operation);

    /// Has the last operation ended something that PID 1 and the daemon only learn of in their own time?
    bool settling() const noexcept { return settling_; }

    /// All that can be seen, one line per thing, sorted.
    std::vector<std::string> lines() const;
    std::vector<ModelValue> values() const;

    const std::map<std::size_t, ModelSandbox>& sandboxes() const noexcept { return sandboxes_; }
    const std::array<ModelProcess, kProcesses>& processes() const noexcept { return processes_; }

    /// Has it a group of that name that takes processes?
    bool takesProcesses(std::size_t sandbox, const std::string& group) const;
    /// The scope of a sandbox that is there, or that would be made.
    std::string unitOf(std::size_t sandbox) const;
    /// Does it live outside of all sandboxes?
    bool isFree(std::size_t process) const;

private:
    bool isSameRequest(const ModelSandbox& sandbox, const Operation& create) const;
    bool isPopulated(std::size_t sandbox, const std::string& group) const;
    void create(const Operation& operation);
    void adopt(const Operation& operation);
    void move(const Operation& operation);
    void kill(std::size_t sandbox);
    void endEmpty();

    std::map<std::size_t, ModelSandbox> sandboxes_;
    std::array<ModelProcess, kProcesses> processes_;
    std::map<std::size_t, Operation> lastCreate_; ///< that succeeded, by sandbox
    bool settling_ = false;
};

/// The unit that is adopted.
std::string foreignUnit(std::size_t sandbox);

} // namespace scopewright::integration::model
