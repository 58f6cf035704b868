// SPDX-License-Identifier: LGPL-2.1-or-later
// All other tests prove something about the service as it is shipped; here it is shown that it is.
#include "catch.h"
#include "guest/guest.h"
#include "program.h"

#include <linux/capability.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

using namespace scopewright::integration;
using scopewright::Properties;
using scopewright::Property;

namespace {

std::string statusOf(pid_t pid, const std::string& key) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with(key + ":")) return line.substr(line.find_first_not_of(" \t", key.size() + 1));
    return "";
}

/// What a unit file says below [Service]; a setting that is there twice is joined.
std::map<std::string, std::string> settingsOf(const std::string& file) {
    std::ifstream stream(file);
    std::map<std::string, std::string> settings;
    bool service = false;
    for (std::string line; std::getline(stream, line);) {
        if (line.starts_with('[')) service = line == "[Service]";
        const std::size_t equals = line.find('=');
        if (!service || line.starts_with('#') || equals == std::string::npos) continue;
        std::string& value = settings[line.substr(0, equals)];
        value += (value.empty() ? "" : " ") + line.substr(equals + 1);
    }
    return settings;
}

std::uint64_t maskOf(const std::string& capabilities) {
    const std::map<std::string, unsigned> numbers{
        {"CAP_CHOWN", CAP_CHOWN},           {"CAP_DAC_OVERRIDE", CAP_DAC_OVERRIDE},
        {"CAP_NET_ADMIN", CAP_NET_ADMIN},   {"CAP_SYS_ADMIN", CAP_SYS_ADMIN},
        {"CAP_SYS_NICE", CAP_SYS_NICE},     {"CAP_BPF", CAP_BPF},
        {"CAP_SYS_PTRACE", CAP_SYS_PTRACE}, {"CAP_KILL", CAP_KILL}};
    std::uint64_t mask = 0;
    for (const std::string& name : wordsOf(capabilities))
        mask |= std::uint64_t{1} << numbers.at(name);
    return mask;
}

} // namespace

TEST_CASE("the unit that runs is the one that is shipped", "[machine]") {
    Guest guest;
    const Properties unit = guest.systemd.properties(kService);
    const std::string file = textOf(unit, "FragmentPath");
    CHECK(file.ends_with("/lib/systemd/system/scopewright.service"));
    CHECK(valueOf<std::vector<std::string>>(unit, "DropInPaths").empty());
    const std::map<std::string, std::string> settings = settingsOf(file);
    for (const char* one : {"NoNewPrivileges", "MemoryDenyWriteExecute", "PrivateNetwork", "ProtectSystem",
                            "CapabilityBoundingSet", "SystemCallFilter", "RestrictNamespaces"}) {
        CAPTURE(one);
        CHECK(settings.contains(one));
    }
    // What this version of systemd does not know it leaves out, with a warning of its own.
    const auto setting = [&](const std::string& name) -> std::string {
        for (const Property& property : unit) {
            if (property.name != name) continue;
            if (const bool* flag = std::get_if<bool>(&property.value)) return *flag ? "yes" : "no";
            if (const std::string* text = std::get_if<std::string>(&property.value)) return *text;
        }
        return "";
    };
    std::size_t compared = 0;
    for (const auto& [name, value] : settings) {
        const std::string real = setting(name);
        if (real.empty()) continue;
        CAPTURE(name);
        CHECK(real == value);
        ++compared;
    }
    CHECK(compared >= 20);
    CHECK(valueOf<std::uint64_t>(unit, "CapabilityBoundingSet") == maskOf(settings.at("CapabilityBoundingSet")));
}

TEST_CASE("the kernel holds the daemon to it", "[machine]") {
    Guest guest;
    guest.client.manager("ListSandboxes").must();
    const pid_t daemon = guest.daemonPid();
    REQUIRE(daemon > 0);
    const std::string file = textOf(guest.systemd.properties(kService), "FragmentPath");
    // In a container PID 1 itself has not all capabilities to give.
    const std::uint64_t mask =
        maskOf(settingsOf(file).at("CapabilityBoundingSet")) & std::stoull(statusOf(1, "CapBnd"), nullptr, 16);
    for (const char* set : {"CapBnd", "CapPrm", "CapEff"}) {
        CAPTURE(set);
        CHECK(std::stoull(statusOf(daemon, set), nullptr, 16) == mask);
    }
    CHECK(statusOf(daemon, "NoNewPrivs") == "1");
    CHECK(statusOf(daemon, "Seccomp") == "2");
    // A container's manager has filters of its own for all that is in it.
    CHECK(std::stoi(statusOf(daemon, "Seccomp_filters")) > std::stoi(statusOf(1, "Seccomp_filters")));
    const auto space = [](pid_t pid, const char* kind) {
        return std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/ns/" + kind).string();
    };
    CHECK(space(daemon, "net") != space(1, "net"));
    CHECK(space(daemon, "mnt") != space(1, "mnt"));
    CHECK(space(daemon, "pid") == space(1, "pid"));
    CHECK(space(daemon, "cgroup") == space(1, "cgroup"));
}

TEST_CASE("nothing but control groups can be written by the daemon") {
    Guest guest;
    guest.client.manager("ListSandboxes").must();
    const std::string daemon = "/proc/" + std::to_string(guest.daemonPid());
    // A later mount hides an earlier one on the same place. /dev is one of its own, without devices of the host.
    std::map<std::string, bool> writable;
    std::ifstream mounts(daemon + "/mountinfo");
    for (std::string line; std::getline(mounts, line);) {
        std::istringstream fields(line);
        std::string skipped, place, options;
        fields >> skipped >> skipped >> skipped >> skipped >> place >> options;
        writable[place] = ("," + options + ",").find(",rw,") != std::string::npos;
    }
    REQUIRE(writable.contains("/"));
    for (const auto& [place, open] : writable) {
        CAPTURE(place);
        // What a container's manager has put into /run is that one's matter.
        if (place.starts_with("/run/host/")) continue;
        const bool own = place == "/tmp" || place == "/var/tmp" || place == "/proc" || place.starts_with("/dev/");
        if (open) CHECK((own || place.starts_with("/sys/fs/cgroup")));
    }
    CHECK_FALSE(writable.at("/"));
    CHECK_FALSE(writable.at("/run"));
    CHECK_FALSE(writable.at("/proc/sys"));
    CHECK(writable.at("/sys/fs/cgroup"));
    const std::string seen = daemon + "/root";
    CHECK_FALSE(std::filesystem::exists(seen + "/dev/kmsg"));
    CHECK(std::filesystem::is_empty(seen + "/tmp"));
}

TEST_CASE("the daemon has one thread and keeps no descriptor longer than it needs it", "[attack-51]") {
    Guest guest;
    const auto descriptors = [&] {
        std::size_t count = 0;
        for (const auto& entry :
             std::filesystem::directory_iterator("/proc/" + std::to_string(guest.daemonPid()) + "/fd"))
            count += entry.path().empty() ? 0 : 1;
        return count;
    };
    const auto rounds = [&](int count) {
        for (int round = 0; round < count; ++round) {
            Child child;
            guest.create("web", {&child});
            guest.createGroup("web", "c1");
            guest.tryCreate("web", {&child});
            guest.client.manager("StopSandbox", "web").must();
        }
    };
    rounds(2);
    const std::size_t before = descriptors();
    rounds(times(30));
    CHECK(descriptors() <= before);
    CHECK(statusOf(guest.daemonPid(), "Threads") == "1");
}

TEST_CASE("the daemon's log has no warnings but those that tests have asked for", "[machine]") {
    Guest guest;
    guest.client.manager("ListSandboxes").must();
    run({"journalctl", "--sync"});
    std::istringstream lines(run({"journalctl", "--quiet", "--no-pager", "--output=cat", "--priority=warning",
                                  "_SYSTEMD_UNIT=scopewright.service", "_COMM=scopewrightd"}));
    const std::set<std::string> expected{
        "50-test.toml", // a drop-in with mistakes
        "record",       // a unit whose record is damaged
        "outlived",     // a tree of groups that PID 1 cannot remove
        // A polkit that hangs, or is ended while it is asked.
        "polkit does not say",
        // Device rules in a container, whose kernel takes no program from it.
        "load the device program",
        // A bus that is restarted under the daemon, in the middle of an operation or of its start.
        "the connection to the bus is gone",
        "Transport endpoint is not connected",
        "Connection reset by peer",
        "Connection terminated",
        "recipient disconnected",
    };
    std::vector<std::string> unexpected;
    for (std::string line; std::getline(lines, line);) {
        const auto known = [&](const std::string& word) { return line.find(word) != std::string::npos; };
        if (!std::any_of(expected.begin(), expected.end(), known)) unexpected.push_back(line);
    }
    CHECK(unexpected == std::vector<std::string>());
}
