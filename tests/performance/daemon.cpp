// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon.h"

#include "client.h"
#include "guest/pid1.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace scopewright::performance {

namespace {

constexpr const char* kDropIn = "/etc/scopewright/scopewright.toml.d/90-performance.toml";

} // namespace

pid_t daemonPid() {
    return integration::Pid1().mainPid("scopewright.service");
}

double processorTime(pid_t pid) {
    // Nanoseconds on a processor, nanoseconds waiting for one, number of slices.
    std::ifstream file("/proc/" + std::to_string(pid) + "/schedstat");
    double nanoseconds = 0;
    if (!(file >> nanoseconds)) throw std::runtime_error("there is no /proc/PID/schedstat");
    return nanoseconds / 1000;
}

double residentKiB(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("VmRSS:")) return std::stod(line.substr(6));
    throw std::runtime_error("the daemon does not run");
}

Configured::Configured() {
    std::filesystem::create_directories(std::filesystem::path(kDropIn).parent_path());
    std::ofstream(kDropIn) << "[daemon]\nidle-timeout = \"infinity\"\n"
                              "[limits]\nsandboxes = 16384\n";
    integration::Client().manager("Reload").must();
}

Configured::~Configured() {
    std::filesystem::remove(kDropIn);
    integration::Client().manager("Reload");
}

} // namespace scopewright::performance
