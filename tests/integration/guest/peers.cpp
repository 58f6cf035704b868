// SPDX-License-Identifier: LGPL-2.1-or-later
#include "guest/peers.h"

#include "guest/device_probe.h"
#include "limits/cpuset.h"
#include "program.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace scopewright::integration {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kUnlimited = UINT64_MAX;

std::string contentOf(const fs::path& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

/// No pivot_root below: a guest's root is an initramfs, of which the kernel does not let go.
std::string configuration(const std::string& cgroupsPath, const std::string& resources) {
    return R"({"ociVersion": "1.0.2",
"process": {"user": {"uid": 0, "gid": 0}, "args": ["/bin/busybox", "sleep", "100000"], "env": [], "cwd": "/"},
"root": {"path": "rootfs", "readonly": true},
"mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
           {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}],
"linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}],
          "cgroupsPath": ")" +
           cgroupsPath + R"(", "resources": )" + resources + "}}\n";
}

std::string textOf(std::uint64_t number) {
    return number == kUnlimited ? "infinity" : std::to_string(number);
}

/// "5:0 rwm" for "/dev/char/5:0 rwm"; PID 1 keeps no order.
std::string textOf(const std::vector<std::pair<std::string, std::string>>& devices) {
    constexpr std::string_view kNumbered = "/dev/char/";
    std::vector<std::string> entries;
    for (const auto& [path, access] : devices)
        entries.push_back((path.starts_with(kNumbered) ? path.substr(kNumbered.size()) : path) + " " + access);
    std::sort(entries.begin(), entries.end());
    std::string text;
    for (const std::string& entry : entries)
        text += (text.empty() ? "" : ", ") + entry;
    return text;
}

std::string textOrNone(const std::string& text) {
    return text.empty() ? "none" : text;
}

struct Print {
    std::string operator()(bool value) const { return value ? "yes" : "no"; }
    std::string operator()(std::uint64_t value) const { return textOf(value); }
    std::string operator()(const std::string& value) const { return value; }
    std::string operator()(const std::vector<std::uint8_t>& mask) const { return limits::cpuListText(mask); }
    std::string operator()(const std::vector<std::pair<std::string, std::string>>& value) const {
        return textOf(value);
    }
    template <class T>
    std::string operator()(const T&) const {
        return "of a type that is not expected";
    }
};

constexpr std::array kUnitProperties{
    "AllowedCPUs",
    "AllowedMemoryNodes",
    "CPUAccounting",
    "CPUQuotaPerSecUSec",
    "CPUQuotaPeriodUSec",
    "CPUWeight",
    "CollectMode",
    "DefaultDependencies",
    "Delegate",
    "DeviceAllow",
    "DevicePolicy",
    "IOAccounting",
    "IOWeight",
    "KillMode",
    "ManagedOOMMemoryPressure",
    "MemoryHigh",
    "MemoryLow",
    "MemoryMax",
    "MemoryMin",
    "MemorySwapMax",
    "OOMPolicy",
    "Slice",
    "TasksAccounting",
    "TasksMax",
    "MemoryAccounting",
    "RuntimeMaxUSec",
    "TimeoutStopUSec",
};

std::uint64_t numberIn(const std::string& controlGroup, const char* attribute) {
    const std::string text = readFile(controlGroup, attribute).value_or("max");
    return text == "max" ? kUnlimited : std::stoull(text);
}

std::string limitText(std::uint64_t number) {
    return number == kUnlimited ? "max" : std::to_string(number);
}

/// CPUs that a group may use at a time.
double cpusOf(const std::string& controlGroup) {
    std::istringstream text(readFile(controlGroup, "cpu.max").value_or("max 100000"));
    std::string quota;
    double period = 0;
    text >> quota >> period;
    return quota == "max" ? 1e9 : std::stod(quota) / period;
}

bool mountedWithRecursiveProtection() {
    return contentOf("/proc/self/mounts").find("memory_recursiveprot") != std::string::npos;
}

/// Protection comes down from above: below a group that has none there is none (mm/page_counter, effective_protection).
std::uint64_t protection(const std::string& scope, const std::string& leaf, const char* attribute) {
    const std::uint64_t above = numberIn(scope, attribute);
    const std::uint64_t own = numberIn(leaf, attribute);
    return own == 0 && mountedWithRecursiveProtection() ? above : std::min(above, own);
}

} // namespace

bool isVersion(const std::string& program, const std::string& beginning) {
    try {
        return run({program, "--version"}).starts_with(beginning);
    } catch (const std::exception&) {
        return false;
    }
}

Container::Container(const std::string& runtime, const std::string& name, const std::string& resources)
    : runtime_(runtime),
      name_(runtime + "-" + name),
      unit_(name_ + ".scope"),
      directory_("/var/tmp/scopewright-peers-" + name_) {
    fs::create_directories(directory_ + "/rootfs/bin");
    fs::create_directories(directory_ + "/rootfs/proc");
    fs::create_directories(directory_ + "/rootfs/dev");
    fs::copy_file("/usr/bin/busybox", directory_ + "/rootfs/bin/busybox", fs::copy_options::overwrite_existing);
    std::ofstream(directory_ + "/config.json") << configuration("machine.slice:" + runtime + ":" + name, resources);
    try {
        const std::string pidFile = directory_ + "/pid";
        run({runtime_, "--systemd-cgroup", "run", "--detach", "--no-pivot", "--pid-file", pidFile, "--bundle",
             directory_, name_});
        pid_ = static_cast<pid_t>(std::stol(contentOf(pidFile)));
    } catch (...) {
        remove();
        throw;
    }
}

Container::~Container() {
    remove();
}

void Container::remove() const {
    try {
        run({runtime_, "delete", "--force", name_});
    } catch (const std::exception& error) {
        std::printf("cleaning up failed: %s\n", error.what());
    }
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
}

Values unitValues(const Pid1& systemd, const std::string& unit) {
    Values values;
    for (const Property& property : systemd.properties(unit))
        if (std::find(kUnitProperties.begin(), kUnitProperties.end(), property.name) != kUnitProperties.end())
            values[property.name] = textOrNone(std::visit(Print(), property.value));
    return values;
}

Values valuesInForce(const std::string& scope, const std::string& leaf) {
    Values values;
    for (const char* shared : {"cpu.weight", "cpu.idle", "io.weight"})
        values[shared] = readFile(scope, shared).value_or("no such file");
    for (const char* limit : {"memory.max", "memory.high", "memory.swap.max", "pids.max", "hugetlb.2MB.max",
                              "hugetlb.2MB.rsvd.max", "hugetlb.1GB.max", "hugetlb.1GB.rsvd.max"})
        values[limit] = limitText(std::min(numberIn(scope, limit), numberIn(leaf, limit)));
    for (const char* protected_ : {"memory.low", "memory.min"})
        values[protected_] = limitText(protection(scope, leaf, protected_));
    for (const char* own : {"cpuset.cpus.effective", "cpuset.mems.effective", "cgroup.controllers"})
        values[own] = readFile(leaf, own).value_or("no such file");
    // Time that was saved up counts where the quota is.
    const std::string& binding = cpusOf(leaf) < cpusOf(scope) ? leaf : scope;
    for (const char* attribute : {"cpu.max", "cpu.max.burst"})
        values[attribute] = readFile(binding, attribute).value_or("no such file");
    // Of the groups up to the one whose limit was hit, the outermost that says so dies as a whole.
    values["memory.oom.group"] =
        std::max(readFile(scope, "memory.oom.group").value_or("0"), readFile(leaf, "memory.oom.group").value_or("0"));
    values["opens"] = devicesOpenIn(leaf);
    values["leaf"] = leaf == scope ? "." : leaf.substr(scope.size() + 1);
    return values;
}

} // namespace scopewright::integration
