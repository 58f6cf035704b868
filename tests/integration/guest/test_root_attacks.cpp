// SPDX-License-Identifier: LGPL-2.1-or-later
// What the daemon says to PID 1 and to the kernel, and what it does when root puts something else in its way.
#include "catch.h"
#include "guest/moment.h"
#include "guest/snapshot.h"
#include "program.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace scopewright::integration;
using scopewright::Properties;
using scopewright::Property;

namespace {

const std::uint64_t kNoFlags = 0;
using Pids = std::vector<std::uint32_t>;

std::string makeProcessGroup(const Guest& guest, const std::string& name) {
    const Answer answer = guest.client.manager("CreateGroup", "web", name, Properties(), kNoFlags);
    return std::get<1>(answer.get<scopewright::bus::ObjectPath, std::string>());
}

/// A strange group in place of another, where the daemon sees it: it has mounts of its own.
class Mounted {
public:
    Mounted(pid_t daemon, const std::string& strange, std::string path) : daemon_(daemon), path_(std::move(path)) {
        const auto mount = [&] { return ::mount(strange.c_str(), path_.c_str(), nullptr, MS_BIND, nullptr); };
        if (inside(mount) != 0) throw std::runtime_error("cannot mount " + path_);
    }
    Mounted(Mounted&&) = delete;
    ~Mounted() {
        inside([this] { return ::umount2(path_.c_str(), MNT_DETACH); });
    }

private:
    int inside(const std::function<int()>& act) const {
        const pid_t pid = ::fork();
        if (pid == 0) {
            const int space = ::open(("/proc/" + std::to_string(daemon_) + "/ns/mnt").c_str(), O_RDONLY | O_CLOEXEC);
            ::_exit(::setns(space, CLONE_NEWNS) == 0 && act() == 0 ? 0 : 1);
        }
        int status = -1;
        return pid > 0 && ::waitpid(pid, &status, 0) == pid ? status : -1;
    }

    pid_t daemon_;
    std::string path_;
};

/// The lines that the daemon has written to the log since it was started, each as the journal has it.
std::vector<std::string> logLines() {
    run({"journalctl", "--sync"});
    std::istringstream output(run({"journalctl", "--quiet", "--no-pager", "--output=cat", "--all", "--boot",
                                   "_SYSTEMD_UNIT=scopewright.service", "_COMM=scopewrightd"}));
    std::vector<std::string> lines;
    for (std::string line; std::getline(output, line);)
        lines.push_back(line);
    return lines;
}

} // namespace

TEST_CASE("whatever a caller adds, PID 1 is asked to start or to stop one scope, and for nothing besides",
          "[attack-11][attack-12]") {
    Guest guest;
    Child child, more;
    // Nobody can listen on PID 1's own socket; what is sent there is the same.
    guest.configure("[daemon]\nsystemd-socket = \"none\"\n");
    guest.stopDaemon();
    guest.client.manager("ListSandboxes").must();
    // Everything that is sent to PID 1; the call of the test itself shows when it listens.
    Program monitor({"busctl", "--json=short", "monitor", "org.freedesktop.systemd1"});
    REQUIRE(eventually([&] {
        guest.systemd.list("scopewright.service");
        return monitor.output().find("ListUnitsByPatterns") != std::string::npos;
    }));
    const Created created = guest.create("web", {&child}, {{"memory.limit", std::int64_t{1} << 30}});
    CHECK(guest.client.manager("CreateSandbox", "more", Properties{{"PIDs", numbers({&more})}}, kNoFlags, "isolate")
              .error == kInvalid);
    CHECK(guest.client.manager("CreateSandbox", "more", Properties{{"Mode", std::string("isolate")}}, kNoFlags).error ==
          kNotAllowed);
    guest.client.manager("StopSandbox", "web").must();
    REQUIRE(eventually([&] { return monitor.output().find("\"StopUnit\"") != std::string::npos; }));
    std::istringstream output(monitor.output());
    std::size_t starts = 0, stops = 0;
    for (std::string line; std::getline(output, line);) {
        const auto has = [&](const std::string& word) { return line.find(word) != std::string::npos; };
        if (has("\"member\":\"StopUnit\"")) {
            ++stops;
            CHECK(has("[\"" + created.unit + "\",\"replace\"]"));
        }
        if (!has("\"member\":\"StartTransientUnit\"")) continue;
        ++starts;
        CHECK(has("\"data\":[\"" + created.unit + "\",\"fail\",["));
        CHECK(line.find("]],[]]}") != std::string::npos);
    }
    CHECK(starts == 1);
    CHECK(stops == 1);
}

TEST_CASE("what is mounted over a group is not entered", "[attack-15]") {
    Guest guest;
    Child child, more;
    const Created created = guest.create("web", {&child});
    const std::string home = more.controlGroup();
    const std::string strange = "/scopewright-test-strange";
    makeGroup(strange + "/payload");
    const auto attach = [&] { return guest.client.manager("AttachProcesses", "web", "payload", Pids{more.number()}); };
    {
        const Mounted payload(guest.daemonPid(), directory(strange + "/payload"), directory(created.payload()));
        CHECK_FALSE(attach().ok());
    }
    {
        const Mounted scope(guest.daemonPid(), directory(strange), directory(created.controlGroup));
        CHECK_FALSE(guest.client.manager("CreateCompatGroup", "web", "c1", Properties(), kNoFlags).ok());
        CHECK_FALSE(attach().ok());
    }
    CHECK(more.controlGroup() == home);
    CHECK(treeOf(strange) == std::vector<std::string>{strange, strange + "/payload"});
    removeGroup(strange);
    CHECK(attach().ok());
    CHECK(more.controlGroup() == created.payload());
}

TEST_CASE("a group that is replaced by another of its name, between the look and the move, takes nothing",
          "[attack-16]") {
    Guest guest;
    Child child, more;
    guest.create("web", {&child});
    const std::string group = makeProcessGroup(guest, "p1");
    const std::string home = more.controlGroup();
    const auto attach = [&] { return guest.client.manager("AttachProcesses", "web", "p1", Pids{more.number()}); };
    {
        bool replaced = false;
        const Moment moment(guest.daemonPid(), "/p1/cgroup.procs", [&] {
            replaced = ::rmdir(directory(group).c_str()) == 0 && ::mkdir(directory(group).c_str(), 0755) == 0;
        });
        CHECK(attach().error == kNoGroup);
        CHECK(moment.hasCome());
        CHECK(replaced);
    }
    CHECK(more.controlGroup() == home);
    CHECK(processesOf(group).empty());
}

TEST_CASE("a configuration that others can write, or that is elsewhere or too long, is not read", "[attack-17]") {
    Guest guest;
    Child first;
    const std::string place = "/run/scopewright/scopewright.toml.d/50-test.toml";
    const std::string text = "[limits]\nsandboxes = 1\n";
    const auto applies = [&] {
        guest.client.manager("Reload").must();
        Child second;
        const std::string error = guest.tryCreate("second", {&second}).error;
        if (error.empty()) guest.client.manager("StopSandbox", "second").must();
        return error == kLimits;
    };
    guest.configure(text);
    guest.create("first", {&first});
    CHECK(applies());
    REQUIRE(::chmod(place.c_str(), 0666) == 0);
    CHECK_FALSE(applies());
    REQUIRE(::chmod(place.c_str(), 0644) == 0);
    CHECK(applies());
    REQUIRE(::chown(place.c_str(), 65534, 65534) == 0);
    CHECK_FALSE(applies());
    std::filesystem::rename(place, "/run/scopewright/elsewhere");
    REQUIRE(::chown("/run/scopewright/elsewhere", 0, 0) == 0);
    REQUIRE(::symlink("../elsewhere", place.c_str()) == 0);
    CHECK_FALSE(applies());
    std::filesystem::remove(place);
    std::ofstream(place) << text << std::string(70000, '#') << "\n";
    CHECK_FALSE(applies());
    std::ofstream(place) << text;
    CHECK(applies());
    std::filesystem::remove("/run/scopewright/elsewhere");
}

TEST_CASE("no key and no number reaches a file that it was not made for", "[attack-18][attack-29][attack-61]") {
    Guest guest;
    Child child;
    guest.create("web", {&child});
    const Snapshot before(guest, {&child});
    const auto refused = [&](const char* key, const std::string& value, const std::string& error) {
        CAPTURE(key, value);
        const Properties properties{{"unified", std::vector<std::pair<std::string, std::string>>{{key, value}}}};
        CHECK(guest.client.manager("UpdateSandbox", "web", properties).error == error);
        CHECK(guest.client.manager("CreateCompatGroup", "web", "c1", properties, kNoFlags).error == error);
    };
    for (const char* key : {"cgroup.kill", "cgroup.procs", "cgroup.freeze", "cgroup.type", "cgroup.subtree_control",
                            "cgroup.max.depth", "memory.reclaim"})
        refused(key, "1", kNotAllowed);
    for (const char* key : {"../memory.max", "payload/memory.max", "/proc/sysrq-trigger", "..", "", "memory.max\n",
                            "memory..max", "memory.", ".max", "tasks"})
        refused(key, "1", kInvalid);
    for (const char* value : {"", "1", "4095", "-1", "0x100000", "1e9", "1048576\n2097152", " 1048576", "1048576 ",
                              "18446744073709551616", "99999999999999999999", "max\n\n", "1048576K K"})
        refused("memory.max", value, kInvalid);
    for (const char* value : {"", "0x10", "-1", "1.5", "16\n16"})
        refused("pids.max", value, kInvalid);
    CHECK(Snapshot(guest, {&child}) == before);
    // The kernel would read this in base 8.
    const Properties octal{{"unified", std::vector<std::pair<std::string, std::string>>{{"pids.max", "010"}}}};
    const std::string group = guest.createGroup("web", "c1", octal);
    CHECK(readFile(group, "pids.max").value_or("10") == "10");
}

TEST_CASE("a group that is full takes processes, and lets none of them fork", "[attack-64][machine]") {
    Guest guest;
    Child child, second;
    guest.create("web", {&child});
    const std::string group = makeProcessGroup(guest, "p1");
    if (!hasController(group, "pids")) SKIP_TEST("no controller counts processes here");
    guest.client.manager("UpdateGroup", "web", "p1", Properties{{"pids.limit", std::int64_t{1}}}).must();
    const pid_t forking = ::fork();
    if (forking == 0) {
        while (!controlGroupOf(::getpid()).ends_with("/p1"))
            ::poll(nullptr, 0, 5);
        const pid_t inner = ::fork();
        if (inner == 0) ::_exit(0);
        ::_exit(inner < 0 ? errno : 0);
    }
    const Pids both{second.number(), static_cast<std::uint32_t>(forking)};
    CHECK(guest.client.manager("AttachProcesses", "web", "p1", both).ok());
    int status = 0;
    REQUIRE(::waitpid(forking, &status, 0) == forking);
    CHECK(WEXITSTATUS(status) == EAGAIN);
    CHECK(second.controlGroup() == group);
}

TEST_CASE("nothing that callers send begins or ends a line of the log, or of an answer", "[attack-57]") {
    Guest guest;
    guest.configure("[daemon]\nlog-level = \"debug\"\n");
    Child child;
    const std::size_t before = logLines().size();
    const std::string bad = "web\nforged: a line of its own\n\x1b[31mforged\x1b[0m\r\\nforged";
    const auto refused = [&](const Answer& answer) {
        CAPTURE(answer.text);
        CHECK_FALSE(answer.ok());
        CHECK(isPlainSentence(answer.text));
    };
    refused(guest.tryCreate(bad, {&child}));
    refused(guest.tryCreate("web", {&child}, {{bad, bad}}));
    for (const char* name : {"Slice", "UnitName", "CgroupsPath", "Description", "Token", "User", "Group", "resources"})
        refused(guest.tryCreate("web", {&child}, {{name, bad}}));
    guest.create("web", {&child});
    for (const char* member : {"StopSandbox", "GetSandbox", "FreezeSandbox", "ListGroups"})
        refused(guest.client.manager(member, bad));
    refused(guest.client.manager("CreateCompatGroup", "web", bad, Properties(), kNoFlags));
    refused(guest.client.manager("UpdateGroup", "web", bad, Properties{{bad, bad}}));
    refused(guest.client.manager("UpdateSandbox", "web", Properties{{"unified", bad}}));
    const std::vector<std::string> lines = logLines();
    CHECK(lines.size() > before);
    for (const std::string& line : lines) {
        CAPTURE(line);
        CHECK_FALSE(line.starts_with("forged"));
        CHECK(line.find_first_of("\x1b\r") == std::string::npos);
    }
}

TEST_CASE("what the environment says is nothing to the service", "[attack-67]") {
    Guest guest;
    Child first, second;
    std::filesystem::create_directories("/run/scopewright-test/scopewright");
    for (const char* file : {"scopewright.toml", "scopewright/scopewright.toml"})
        std::ofstream(std::string("/run/scopewright-test/") + file) << "[limits]\nsandboxes = 1\n";
    const std::vector<std::string> names{"SCOPEWRIGHT_CONFIG", "SCOPEWRIGHT_CONFIGURATION", "XDG_CONFIG_HOME",
                                         "XDG_CONFIG_DIRS",    "CONFIGURATION_DIRECTORY",   "RUNTIME_DIRECTORY"};
    std::vector<std::string> set{"systemctl", "set-environment"}, unset{"systemctl", "unset-environment"};
    for (const std::string& name : names) {
        set.push_back(name + "=/run/scopewright-test");
        unset.push_back(name);
    }
    run(set);
    guest.stopDaemon();
    const bool made = guest.tryCreate("first", {&first}).ok() && guest.tryCreate("second", {&second}).ok();
    run(unset);
    CHECK(made);
    std::filesystem::remove_all("/run/scopewright-test");
}
