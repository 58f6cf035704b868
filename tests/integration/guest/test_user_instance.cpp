// SPDX-License-Identifier: LGPL-2.1-or-later
// A user's own instance: a manager of uid 1001 with a bus of its own, and the daemon that this bus starts.
#include "catch.h"
#include "guest/guest.h"
#include "program.h"

#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>

using namespace scopewright::integration;

namespace {

constexpr uid_t kUid = 1001;
constexpr const char* kSystem = "/run/systemd/system/scopewright-test-user.service";

/// What user@.service would start if the guest had a login manager. Of io it gets nothing.
constexpr const char* kManagerUnit = R"([Service]
Type=notify
User=1001
Slice=user-1001.slice
Delegate=pids memory cpu
Environment=XDG_RUNTIME_DIR=/run/user/1001 HOME=/run/user/1001 DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1001/bus
ExecStart=/lib/systemd/systemd --user
KillSignal=SIGKILL
SuccessExitStatus=SIGKILL
)";
constexpr const char* kSocketUnit = R"([Socket]
ListenStream=%t/bus
)";
constexpr const char* kBusUnit = R"([Unit]
Requires=dbus.socket
[Service]
ExecStart=/usr/bin/dbus-daemon --session --address=systemd: --nofork --nopidfile --systemd-activation --syslog-only
)";

void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << text;
}

/// The guest is thrown away, so the user may stay.
void addUser() {
    static bool added = false;
    if (added) return;
    std::ofstream("/etc/passwd", std::ios::app) << "alice:x:1001:1001::/run/user/1001:/bin/sh\n";
    std::ofstream("/etc/group", std::ios::app) << "alice:x:1001:\n";
    added = true;
}

/// Runs as the user, with the environment of the user's session.
std::string asUser(const std::string& command) {
    return run({"setpriv", "--reuid=1001", "--regid=1001", "--clear-groups", "env", "XDG_RUNTIME_DIR=/run/user/1001",
                "DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1001/bus", "sh", "-c", command});
}

constexpr const char* kManagerCall = "busctl --user call org.scopewright1 /org/scopewright1 org.scopewright1.Manager ";

class Session {
public:
    Session() {
        addUser();
        std::filesystem::create_directories("/run/user/1001");
        if (::chown("/run/user/1001", kUid, kUid) != 0) throw std::runtime_error("cannot make a runtime directory");
        ::chmod("/run/user/1001", 0700);
        write(kSystem, kManagerUnit);
        write("/run/systemd/user/dbus.socket", kSocketUnit);
        write("/run/systemd/user/dbus.service", kBusUnit);
        run({"systemctl", "daemon-reload"});
        run({"systemctl", "start", "scopewright-test-user.service"});
        asUser("systemctl --user start dbus.socket dbus.service");
    }
    Session(Session&&) = delete;
    ~Session() {
        try {
            run({"systemctl", "stop", "scopewright-test-user.service"});
            for (const char* file : {kSystem, "/run/systemd/user/dbus.socket", "/run/systemd/user/dbus.service"})
                ::unlink(file);
            run({"systemctl", "daemon-reload"});
        } catch (const std::exception& error) {
            std::printf("cleaning up failed: %s\n", error.what());
        }
        std::filesystem::remove_all("/run/user/1001");
    }
};

/// A process of the user's, in a unit of the user's manager; its number.
std::string startProcess(const std::string& unit) {
    asUser("systemd-run --user --quiet --unit=" + unit + " sleep 1000");
    std::string pid = asUser("systemctl --user show --value --property=MainPID " + unit);
    return pid.substr(0, pid.find('\n'));
}

std::string groupOf(const std::string& pid) {
    return controlGroupOf(static_cast<pid_t>(std::stol(pid)));
}

} // namespace

TEST_CASE("a user has sandboxes of their own without root, and they live through the daemon", "[user][machine]") {
    Guest guest;
    const Session session;
    const std::string pid = startProcess("work");
    const std::string created =
        asUser(std::string(kManagerCall) + "CreateSandbox 'sa(sv)t' web 2 PIDs au 1 " + pid + " pids.limit x 50 0");
    CHECK(created.find("\"/org/scopewright1/sandbox/web\"") != std::string::npos);
    CHECK(created.find("scopewright-1001-web.scope") != std::string::npos);
    const std::string scope = groupOf(pid).substr(0, groupOf(pid).rfind('/'));
    CHECK(groupOf(pid).ends_with("/scopewright-1001-web.scope/payload"));
    CHECK(groupOf(pid).starts_with("/user.slice/user-1001.slice/scopewright-test-user.service/"));
    if (hasController(scope, "pids")) CHECK(readFile(scope, "pids.max") == "50");
    asUser(std::string(kManagerCall) + "CreateCompatGroup 'ssa(sv)t' web c1 0 0");
    CHECK(exists(scope + "/c1"));

    asUser("systemctl --user kill --kill-who=main --signal=KILL scopewright.service");
    // A call can still reach the daemon that is dying.
    const std::string call = std::string(kManagerCall) + "ListGroups s web";
    const std::string groups = asUser(call + " || { sleep 1; " + call + "; }");
    CHECK(groups.find("\"c1\" \"compat\"") != std::string::npos);
    asUser(std::string(kManagerCall) + "FreezeSandbox s web");
    CHECK(readFile(groupOf(pid), "cgroup.freeze") == "1");
    asUser(std::string(kManagerCall) + "ThawSandbox s web");
    asUser("systemctl --user daemon-reload");
    CHECK(asUser(std::string(kManagerCall) + "ListSandboxes").find("\"web\"") != std::string::npos);
    // Root's daemon knows nothing of it.
    CHECK(guest.list().empty());
    asUser(std::string(kManagerCall) + "StopSandbox s web");
    CHECK_FALSE(exists(scope));
}

TEST_CASE("a user's own instance says which controllers the user was not given", "[user]") {
    Guest guest;
    const Session session;
    const std::string pid = startProcess("work");
    asUser(std::string(kManagerCall) + "CreateSandbox 'sa(sv)t' web 2 PIDs au 1 " + pid + " blockIO.weight t 200 0");
    const std::string skipped = asUser("busctl --user get-property org.scopewright1 /org/scopewright1/sandbox/web "
                                       "org.scopewright1.Sandbox Skipped");
    INFO(skipped);
    CHECK(skipped.find("blockIO.weight") != std::string::npos);
    CHECK(skipped.find("is not available") != std::string::npos);
    const std::string controllers =
        asUser("busctl --user get-property org.scopewright1 /org/scopewright1 org.scopewright1.Manager Controllers");
    CHECK(controllers.find("\"io\"") == std::string::npos);
    asUser(std::string(kManagerCall) + "StopSandbox s web");
}

TEST_CASE("a user's own instance moves nobody else's processes", "[user][attack-20]") {
    Guest guest;
    const Session session;
    const Child roots;
    const std::string refused = asUser(std::string(kManagerCall) + "CreateSandbox 'sa(sv)t' web 1 PIDs au 1 " +
                                       std::to_string(roots.pid()) + " 0 2>&1 || true");
    // busctl has words of its own for AccessDenied.
    CHECK(refused.find("Access denied") != std::string::npos);
    CHECK(roots.alive());
    CHECK(asUser(std::string(kManagerCall) + "ListSandboxes").find("a(ssuo) 0") != std::string::npos);
}
