// SPDX-License-Identifier: LGPL-2.1-or-later
// Containers that other runtimes make of a config.json, and what is in force for a process in a scope, whoever made
// it: what PID 1 says of the unit, and what the kernel holds the process to.
#pragma once

#include "guest/guest.h"

#include <map>
#include <string>

namespace scopewright::integration {

/// Does the program say that it is this version?
bool isVersion(const std::string& program, const std::string& beginning);

/// A container that sleeps, of `RUNTIME --systemd-cgroup run`; gone with this object.
class Container {
public:
    /// Its scope is machine.slice's RUNTIME-NAME.scope. Returns when it runs.
    Container(const std::string& runtime, const std::string& name, const std::string& resources);
    Container(Container&&) = delete;
    ~Container();

    const std::string& unit() const noexcept { return unit_; }
    pid_t pid() const noexcept { return pid_; }

private:
    void remove() const;

    std::string runtime_;
    std::string name_;
    std::string unit_;
    std::string directory_;
    pid_t pid_ = -1;
};

/// By the name of a property or an attribute.
using Values = std::map<std::string, std::string>;

/// Of the unit's properties those that say what its processes may use.
Values unitValues(const Pid1& systemd, const std::string& unit);

/// Attributes as they bind a process in `leaf`, which is `scope` or a group right below: a limit is the tightest one
/// on the way up; what is a share among siblings is the scope's, since its siblings are who competes. "opens" is what
/// the device programs of both let through.
Values valuesInForce(const std::string& scope, const std::string& leaf);

} // namespace scopewright::integration
