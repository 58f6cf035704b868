// SPDX-License-Identifier: LGPL-2.1-or-later
// The daemon under AppArmor's profile, in a machine whose kernel enforces it: what it may not do, and that it is kept
// from nothing that it does. Hidden, for other guests have no such profile: tests/guest/run --apparmor.
#include "catch.h"
#include "guest/guest.h"
#include "program.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace scopewright::integration;

namespace {

constexpr const char* kProfile = "scopewrightd";
constexpr const char* kProgram = "/usr/libexec/scopewrightd";
constexpr const char* kElsewhere = "/var/lib/scopewright-elsewhere.toml";

std::string firstLineOf(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

std::string confinementOf(pid_t pid) {
    return firstLineOf("/proc/" + std::to_string(pid) + "/attr/current");
}

/// What `act` gives, an errno or 0, in a process of root's with all capabilities; under the daemon's profile if that is
/// `confined`. The kernel lets a process that has none take any.
int inProcess(bool confined, const std::function<int()>& act) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        const std::string wish = std::string("changeprofile ") + kProfile;
        const int file = confined ? ::open("/proc/self/attr/current", O_WRONLY | O_CLOEXEC) : -1;
        if (confined && ::write(file, wish.data(), wish.size()) < 0) ::_exit(255);
        ::_exit(act());
    }
    int status = 0;
    if (pid < 0 || ::waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return -1;
    return WEXITSTATUS(status);
}

int opening(const char* path, int flags) {
    const int file = ::open(path, flags | O_CLOEXEC, 0600);
    return file < 0 ? errno : 0;
}

int resultOf(long returned) {
    return returned < 0 ? errno : 0;
}

struct Act {
    const char* what;
    std::function<int()> act;
    int refusal;
};

/// Each is in nobody's way where it succeeds.
std::vector<Act> forbiddenTo(const Child& victim) {
    return {
        {"read a secret", [] { return opening("/etc/shadow", O_RDONLY); }, EACCES},
        {"read a process's environment",
         [&] { return opening(("/proc/" + std::to_string(victim.pid()) + "/environ").c_str(), O_RDONLY); }, EACCES},
        {"write its own configuration", [] { return opening("/etc/scopewright-probe", O_WRONLY | O_CREAT); }, EACCES},
        {"write to /run", [] { return opening("/run/scopewright-probe", O_WRONLY | O_CREAT); }, EACCES},
        {"set a kernel parameter", [] { return opening("/proc/sys/kernel/core_pattern", O_WRONLY); }, EACCES},
        {"start a program", [] { return resultOf(::execl("/bin/true", "true", nullptr)); }, EACCES},
        {"talk to the network", [] { return resultOf(::socket(AF_INET, SOCK_STREAM, 0)); }, EACCES},
        {"trace a process", [&] { return resultOf(::ptrace(PTRACE_SEIZE, victim.pid(), nullptr, nullptr)); }, EPERM},
        {"mount", [] { return resultOf(::mount("none", "/mnt", "tmpfs", 0, nullptr)); }, EACCES},
        {"become somebody else", [] { return resultOf(::setresuid(1, 1, 1)); }, EPERM},
        {"rename the machine", [] { return resultOf(::sethostname("guest", 5)); }, EPERM},
        {"kill a process", [&] { return resultOf(::kill(victim.pid(), SIGKILL)); }, EACCES},
    };
}

/// What the kernel has refused under the profile since the machine is up.
std::vector<std::string> denials() {
    run({"journalctl", "--sync"});
    std::istringstream lines(run({"journalctl", "--quiet", "--no-pager", "--output=cat", "--boot"}));
    std::vector<std::string> all;
    for (std::string line; std::getline(lines, line);) {
        const auto says = [&](const std::string& words) { return line.find(words) != std::string::npos; };
        if (says("apparmor=\"DENIED\"") && says("profile=\"" + std::string(kProfile) + "\"")) all.push_back(line);
    }
    return all;
}

/// Is it one that a test of this file has asked for? The processes of a test have its program's name.
bool asked(const std::string& line) {
    return line.find("comm=\"guest-tests\"") != std::string::npos || line.find(kElsewhere) != std::string::npos;
}

} // namespace

TEST_CASE("AppArmor's profile is in force for the daemon, which gains no privileges by that", "[.][apparmor]") {
    Guest guest;
    guest.client.manager("ListSandboxes").must();
    const auto check = [&] {
        CHECK(confinementOf(guest.daemonPid()) == std::string(kProfile) + " (enforce)");
        std::ifstream status("/proc/" + std::to_string(guest.daemonPid()) + "/status");
        std::ostringstream text;
        text << status.rdbuf();
        CHECK(text.str().find("NoNewPrivs:\t1") != std::string::npos);
    };
    check();
    guest.stopDaemon();
    guest.client.manager("ListSandboxes").must();
    check();
}

TEST_CASE("a unit that names another profile has that one and not the program's", "[.][apparmor]") {
    Guest guest;
    const std::string dropin = "/run/systemd/system/scopewright.service.d/50-test.conf";
    const std::string policy = "/tmp/scopewright-other";
    std::ofstream(policy) << "abi <abi/3.0>,\n"
                             "profile scopewright-other { file, capability, network, unix, dbus, signal, ptrace, }\n";
    run({"/usr/libexec/scopewright-tests/apparmor_parser", "--replace", "--skip-cache", "--quiet", policy});
    std::filesystem::create_directories(std::filesystem::path(dropin).parent_path());
    std::ofstream(dropin) << "[Service]\nAppArmorProfile=scopewright-other\n";
    const auto begunAnew = [&] {
        guest.systemd.reload();
        guest.stopDaemon();
        guest.client.manager("ListSandboxes").must();
        return confinementOf(guest.daemonPid());
    };
    CHECK(begunAnew() == "scopewright-other (enforce)");
    std::filesystem::remove_all(std::filesystem::path(dropin).parent_path());
    CHECK(begunAnew() == std::string(kProfile) + " (enforce)");
}

TEST_CASE("whatever the tests have asked of it, nothing that the daemon does is refused to it", "[.][apparmor]") {
    // The log tells of what is refused, or it would prove nothing. Of many refusals in a few seconds the kernel tells
    // the first ten, so this comes before the tests that ask for them.
    REQUIRE(inProcess(true, [] { return opening("/etc/shadow", O_RDONLY); }) == EACCES);
    REQUIRE(eventually([] {
        const std::vector<std::string> lines = denials();
        return std::any_of(lines.begin(), lines.end(), asked);
    }));
    std::vector<std::string> unasked;
    for (const std::string& line : denials())
        if (!asked(line)) unasked.push_back(line);
    CHECK(unasked == std::vector<std::string>());
}

TEST_CASE("what the profile does not name is refused, also to root with all capabilities", "[.][apparmor]") {
    const std::size_t count = forbiddenTo(Child()).size();
    for (std::size_t i = 0; i < count; ++i) {
        const Child confined, free;
        const Act act = forbiddenTo(confined)[i];
        CAPTURE(act.what);
        CHECK(inProcess(true, act.act) == act.refusal);
        CHECK(confined.alive());
        CHECK(inProcess(false, forbiddenTo(free)[i].act) == 0);
    }
    // The second round has made them.
    ::umount("/mnt");
    ::unlink("/etc/scopewright-probe");
    ::unlink("/run/scopewright-probe");
    // What it does name.
    const Child other;
    const std::string map = "/proc/" + std::to_string(other.pid()) + "/uid_map";
    CHECK(inProcess(true, [&] { return opening(map.c_str(), O_RDONLY); }) == 0);
    CHECK(inProcess(true, [] { return resultOf(::mkdir("/sys/fs/cgroup/scopewright-probe", 0755)); }) == 0);
    CHECK(inProcess(true, [] { return resultOf(::rmdir("/sys/fs/cgroup/scopewright-probe")); }) == 0);
}

TEST_CASE("the daemon's program reads no configuration from where the profile has none", "[.][apparmor]") {
    const std::string copy = "/usr/libexec/scopewright-tests/copy-of-the-daemon";
    std::filesystem::copy_file(kProgram, copy, std::filesystem::copy_options::overwrite_existing);
    std::ofstream(kElsewhere) << "[daemon]\nidle-timeout = \"30s\"\n";
    ::chmod(kElsewhere, 0644);
    const auto checking = [](const std::string& program) {
        Program check({program, "--check-config", kElsewhere});
        check.wait();
        return check.output();
    };
    // The profile belongs to the program by its place.
    CHECK(checking(copy) == "");
    CHECK(checking(kProgram).find("Permission denied") != std::string::npos);
    ::unlink(kElsewhere);
    std::filesystem::remove(copy);
}
