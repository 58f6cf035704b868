// SPDX-License-Identifier: LGPL-2.1-or-later
// Attacks that only a real PID 1 and a real kernel can withstand.
#include "catch.h"
#include "guest/guest.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <functional>

using namespace scopewright::integration;
using scopewright::Properties;
using scopewright::Property;
namespace bus = scopewright::bus;

namespace {

/// What decides over other units, or over this one's end: lists of names, texts and numbers, each as it is sent.
std::map<std::string, std::string> directivesOf(const Properties& unit) {
    std::map<std::string, std::string> directives;
    for (const char* name : {"OnFailure", "OnSuccess", "Conflicts", "ConflictedBy", "Wants", "Requires", "BindsTo",
                             "PartOf", "Upholds", "After", "Before", "PropagatesStopTo", "JoinsNamespaceOf"})
        for (const Property& property : unit)
            if (property.name == name)
                for (const std::string& each : std::get<std::vector<std::string>>(property.value))
                    directives[name] += each + " ";
    for (const char* name : {"Description", "Slice", "KillMode", "CollectMode", "FailureAction", "SuccessAction"})
        for (const Property& property : unit)
            if (property.name == name) directives[name] = std::get<std::string>(property.value);
    return directives;
}

/// What `act` gives, an errno or 0, in a process of uid 65534.
int asNobody(const std::function<int()>& act) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        if (::setresgid(65534, 65534, 65534) < 0 || ::setresuid(65534, 65534, 65534) < 0) ::_exit(255);
        ::_exit(act());
    }
    int status = 0;
    if (pid < 0 || ::waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return -1;
    return WEXITSTATUS(status);
}

int openForWriting(int directory, const char* file) {
    const int fd = ::openat(directory, file, O_WRONLY | O_CLOEXEC);
    return fd < 0 ? errno : (::close(fd), 0);
}

} // namespace

TEST_CASE("a description is the same after a reload, and so is every other property", "[attack-10]") {
    Guest guest;
    Child child;
    const Properties words{{"Description", std::string("OnFailure=poweroff.target Conflicts=dbus.service")}};
    const Created created = guest.create("web", {&child}, words);
    const auto before = directivesOf(guest.systemd.properties(created.unit));
    REQUIRE(before.at("Description").starts_with("OnFailure=poweroff.target Conflicts=dbus.service ["));
    REQUIRE(before.size() >= 6);
    CHECK_FALSE(before.contains("OnFailure"));
    for (int turn = 0; turn < 2; ++turn) {
        if (turn == 0) guest.systemd.reload();
        if (turn == 1) guest.systemd.reexecute();
        CHECK(directivesOf(guest.systemd.properties(created.unit)) == before);
    }
    CHECK(textOf(guest.systemd.properties("dbus.service"), "ActiveState") == "active");
}

TEST_CASE("a group's directory in a stranger's hands opens nothing and starts nothing", "[attack-40]") {
    Guest guest;
    Child child;
    const Created created = guest.create("web", {&child});
    const std::string object = created.object + "/group/payload";
    const Answer answer = guest.client.call(object, kGroup, "OpenDirectory");
    int directory = -1;
    REQUIRE(sd_bus_message_read_basic(answer.must().reply.raw(), 'h', &directory) > 0);
    CHECK(tryStartIn(directory) == 0);
    CHECK(asNobody([&] { return tryStartIn(directory); }) == EACCES);
    for (const char* file : {"cgroup.procs", "cgroup.subtree_control", "cgroup.kill", "cgroup.freeze"}) {
        CAPTURE(file);
        CHECK(openForWriting(directory, file) == 0);
        CHECK(asNobody([&] { return openForWriting(directory, file); }) == EACCES);
    }
    CHECK(asNobody([&] { return ::mkdirat(directory, "mine", 0755) < 0 ? errno : 0; }) == EACCES);
    CHECK(child.alive());
}
