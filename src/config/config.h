// SPDX-License-Identifier: LGPL-2.1-or-later
// The options, their defaults, and how files become a Config. Options are documented in scopewright.toml(5).
#pragma once

#include "base/log.h"
#include "config/dropins.h"
#include "config/time.h"

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace scopewright::config {

struct Config {
    // [sandbox]
    std::string defaultSlice = "scopewright.slice";
    std::vector<std::string> allowedSlices = {"scopewright.slice", "machine.slice", "kubepods.slice",
                                              "kubepods-*.slice"};
    std::string userSlice = "user-{uid}.slice";
    std::chrono::microseconds jobTimeout = std::chrono::seconds(60);
    std::chrono::microseconds stopTimeout = std::chrono::seconds(10);
    std::uint32_t maxDepth = 8;
    std::uint32_t maxDescendants = 1024;
    bool refuseVulnerableSystemd = false;

    // [compat]
    std::string nameTemplate = "{name}";
    std::vector<std::string> controllers = {"cpu", "cpuset", "memory", "pids"};
    std::string compatWeight = "linear";
    std::string compatReservation = "both";

    // [daemon]
    std::chrono::microseconds idleTimeout = std::chrono::seconds(30);
    bool stayWithSandboxes = false;
    log::Level logLevel = log::Level::Info;
    std::string systemdSocket = "auto";
    std::uint32_t warnOfRemains = 10000;

    // [limits]
    std::uint32_t sandboxes = 16384;
    std::uint32_t sandboxesPerUser = 256;
    std::uint32_t groupsPerUser = 4096;
    std::uint32_t groupsPerSandbox = 64;
    std::uint32_t processesPerCall = 1024;
    std::uint32_t newGroupsPerSecond = 50;
    std::uint32_t newGroupsAtOnce = 4096;
    std::uint32_t jobs = 64;
    std::uint32_t jobsPerUser = 8;
    std::uint32_t callsPerClient = 128;
    std::uint32_t callsPerUser = 256;
    std::uint32_t callsPerSecond = 1000;
    std::uint32_t requestBytes = 65536;

    bool operator==(const Config&) const = default;
};

struct Loaded {
    Config config;
    std::vector<std::string> files; ///< those that were applied, in this order
    std::vector<Diagnostic> diagnostics;
};

/// Never throws for what a file says: what is wrong becomes a diagnostic and keeps its former value.
Loaded load(const SearchDirs& dirs);
Loaded loadFiles(const std::vector<std::string>& paths);

/// Every option with its value, as a file that load() would accept.
std::string toToml(const Config& config);

/// May a sandbox go into `slice`? The default slice always may be used.
bool allowsSlice(const Config& config, std::string_view slice);

/// Where sandboxes of a user other than root go.
std::string userSlice(const Config& config, uid_t uid);

/// The name of a slice below the root slice, by PID 1's rules (no template, no empty component).
bool isSliceName(std::string_view text);

} // namespace scopewright::config
