// SPDX-License-Identifier: LGPL-2.1-or-later
// The floor: what a program has to do that starts a delegated scope by itself, and nothing else. StartTransientUnit
// with the properties that the daemon sets, the job's signal, the leaf, the move.
#pragma once

#include "bus/bus.h"

#include <sys/types.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace scopewright::performance {

inline constexpr const char* kSlice = "scopewright.slice";

enum class Transport {
    Bus,    ///< the system bus
    Private ///< PID 1's own socket, as systemctl uses it when it is root
};

/// With one write(2) to a file that is there.
void writeTo(const std::string& path, std::string_view text);
/// The unit that the daemon makes of a sandbox of root's.
std::string unitOf(const std::string& sandbox);
/// Where the scope's directory is.
std::string directoryOf(const std::string& unit);
/// The leaf in it, the process in the leaf, and its controllers passed on: what every side does.
void moveToLeaf(const std::string& unit, pid_t pid);

class Bare {
public:
    using Done = std::function<void()>;

    explicit Bare(Transport transport);
    Bare(Bare&&) = delete;

    /// Sends the call; `done` is called when the scope and its leaf are there.
    void begin(const std::string& unit, pid_t pid, Done done);
    /// The same, and waits for it.
    void start(const std::string& unit, pid_t pid);
    /// StopUnit and the job's signal.
    void stop(const std::string& unit);

    /// Handles what has come, waiting for it if there is nothing.
    void turn();

private:
    void add(const char* member, bus::Message call, const std::string& unit, Done done);
    bus::Message request(const char* member, const std::string& unit, const char* mode) const;
    static int onJobRemoved(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept;
    static int onReply(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept;

    bus::BusHandle bus_;
    bus::Slot match_;
    std::map<std::string, Done> underway_;
    std::string failure_;
};

} // namespace scopewright::performance
