// SPDX-License-Identifier: LGPL-2.1-or-later
// What the guest's real PID 1 says and does, asked without this project's own code in between.
#pragma once

#include "client.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace scopewright::integration {

class Pid1 {
public:
    struct Line {
        std::string name;
        std::string description;
        std::string load;
        std::string active;
        bool operator==(const Line&) const = default;
    };

    /// Units that are loaded, by name or pattern; asking loads none.
    std::vector<Line> list(const std::string& pattern) const;
    std::optional<Line> find(const std::string& unit) const;

    /// "active", …; "" if PID 1 does not know the unit.
    std::string state(const std::string& unit) const;

    /// All of them, of the unit and of its type.
    Properties properties(const std::string& unit) const;
    std::string controlGroup(const std::string& unit) const;
    pid_t mainPid(const std::string& service) const;

    unsigned version() const;

    /// A scope as somebody else would make it.
    void startScope(const std::string& unit, pid_t pid, const Properties& more = {}) const;
    /// The same with these properties only, whatever comes of it; does not wait for the job.
    Answer tryStartScope(const std::string& unit, const Properties& properties) const;
    /// SetUnitProperties, until the next boot.
    Answer setProperties(const std::string& unit, const Properties& properties) const;
    Answer attach(const std::string& unit, pid_t pid) const;
    Answer freeze(const std::string& unit) const;
    Answer thaw(const std::string& unit) const;
    void start(const std::string& unit) const;
    /// Waits until it is over.
    void stop(const std::string& unit) const;
    void kill(const std::string& unit, int signal) const;
    void resetFailed(const std::string& unit) const;

    void reload() const;    ///< daemon-reload, waits until it is over
    void reexecute() const; ///< daemon-reexec, the same

private:
    template <class... Args>
    Answer manager(const char* member, const Args&... args) const;

    Client client_;
};

} // namespace scopewright::integration
