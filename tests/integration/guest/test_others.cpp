// SPDX-License-Identifier: LGPL-2.1-or-later
// What those can do who are not root: nothing.
#include "catch.h"
#include "error_names.h"
#include "guest/forged_signals.h"
#include "guest/guest.h"

#include <unistd.h>

#include <fstream>

using namespace scopewright::integration;
using scopewright::Properties;
namespace bus = scopewright::bus;

namespace {

constexpr uid_t kNobody = 65534;

/// A policy that lets nobody's calls through, as an administrator may write one: then the daemon itself decides.
class Relaxed {
public:
    explicit Relaxed(const Guest& guest) : guest_(guest) {
        std::ofstream(kFile) << "<busconfig><policy user=\"65534\"><allow send_destination=\"org.scopewright1\" "
                                "send_type=\"method_call\"/></policy></busconfig>\n";
        guest_.client.bus("ReloadConfig").must();
    }
    Relaxed(Relaxed&&) = delete;
    ~Relaxed() {
        ::unlink(kFile);
        guest_.client.bus("ReloadConfig");
    }

private:
    static constexpr const char* kFile = "/etc/dbus-1/system.d/scopewright-test.conf";
    const Guest& guest_;
};

} // namespace

TEST_CASE("another user's calls are refused by the bus, whatever they are", "[attack-54]") {
    Guest guest;
    Child child;
    const Created created = guest.create("web", {&child});
    guest.createGroup("web", "c1");
    const Client nobody(kNobody);
    const std::uint64_t flags = 0;
    const auto refused = [&](const Answer& answer) { CHECK(answer.error == kDenied); };
    refused(nobody.manager("CreateSandbox", "mine", Properties{{"PIDs", numbers({&child})}}, flags));
    for (const char* member : {"GetSandbox", "ListGroups", "StopSandbox"})
        refused(nobody.manager(member, "web"));
    for (const char* member : {"ListSandboxes", "Describe", "Reload"})
        refused(nobody.manager(member));
    refused(nobody.manager("GetSandboxByPID", child.number()));
    refused(nobody.manager("CreateCompatGroup", "web", "c2", Properties(), flags));
    refused(nobody.manager("RemoveGroup", "web", "c1"));
    refused(nobody.manager("KillSandbox", "web", std::int32_t{9}));
    refused(nobody.call(created.object, kSandbox, "Stop"));
    refused(nobody.call(created.object, kProperties, "GetAll", kSandbox));
    refused(nobody.call(created.object + "/group/c1", kGroup, "Remove"));
    refused(nobody.call(kManagerPath, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects"));
    refused(nobody.call(kManagerPath, "org.freedesktop.DBus.Introspectable", "Introspect"));
    CHECK(child.alive());
    CHECK(guest.groups("web").size() == 2);
    CHECK(nobody.bus("RequestName", "org.scopewright1", std::uint32_t{2}).error == kDenied);
}

TEST_CASE("a user whom the bus lets through is still refused by the daemon", "[attack-56]") {
    Guest guest;
    Relaxed relaxed(guest);
    Child child, own(Child::ofUid(kNobody));
    const Created created = guest.create("web", {&child});
    guest.createGroup("web", "c1");
    const Client nobody(kNobody);
    const std::uint64_t flags = 0;

    CHECK(nobody.manager("CreateSandbox", "mine", Properties{{"PIDs", numbers({&own})}}, flags).error == kDenied);
    CHECK(nobody.manager("Reload").error == kDenied);
    CHECK(sandboxesIn(nobody.manager("ListSandboxes")).empty());
    CHECK(std::get<0>(nobody.manager("Describe").get<std::string>()).find("web") == std::string::npos);

    // It cannot tell what exists from what does not.
    for (const char* id : {"web", "0:web", "other"}) {
        CAPTURE(id);
        const std::string group = "c1";
        const std::string all[] = {
            nobody.manager("GetSandbox", id).error,
            nobody.manager("ListGroups", id).error,
            nobody.manager("StopSandbox", id).error,
            nobody.manager("KillSandbox", id, std::int32_t{9}).error,
            nobody.manager("RemoveGroup", id, group).error,
            nobody.manager("CreateCompatGroup", id, "c2", Properties(), flags).error,
        };
        for (const std::string& error : all)
            CHECK((error == kNoSandbox || (std::string(id) == "0:web" && error.ends_with("InvalidArgs"))));
    }
    CHECK(nobody.manager("GetSandboxByPID", child.number()).error == kNoSandbox);
    for (const std::string& object : {created.object, std::string("/org/scopewright1/sandbox/other")}) {
        CAPTURE(object);
        CHECK(nobody.call(object, kSandbox, "Stop").error == kNoSandbox);
        CHECK(nobody.call(object, kSandbox, "Kill", std::int32_t{9}).error == kNoSandbox);
        CHECK(nobody.call(object, kSandbox, "CreateCompatGroup", "c2", Properties(), flags).error == kNoSandbox);
        CHECK(nobody.call(object + "/group/c1", kGroup, "Remove").error == kNoSandbox);
    }
    CHECK(child.alive());
    CHECK(guest.groups("web").size() == 2);
}

TEST_CASE("a user whom the bus lets through sees no properties of sandboxes that are not his", "[attack-55]") {
    Guest guest;
    Relaxed relaxed(guest);
    Child child;
    const Created created = guest.create("web", {&child});
    const Client nobody(kNobody);
    CHECK(nobody.call(created.object, kProperties, "GetAll", kSandbox).error == kNoSandbox);
    CHECK(nobody.call(created.object, kProperties, "Get", kSandbox, "Unit").error == kNoSandbox);
    CHECK(nobody.call(created.object + "/group/payload", kProperties, "GetAll", kGroup).error == kNoSandbox);
    const Answer objects = nobody.call(kManagerPath, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects");
    if (objects.ok()) {
        REQUIRE(sd_bus_message_enter_container(objects.reply.raw(), 'a', "{oa{sa{sv}}}") > 0);
        CHECK(sd_bus_message_at_end(objects.reply.raw(), 0) > 0);
    }
}

TEST_CASE("another user's signals change nothing", "[attack-43][attack-44]") {
    Guest guest;
    Recorder recorder("type='signal',sender='org.scopewright1',path_namespace='/org/scopewright1'");
    Child child, second;
    const Created created = guest.create("web", {&child});
    const std::string daemon = guest.client.owner();
    const pid_t pid = guest.daemonPid();
    const Client nobody(kNobody);
    forgeSignals(nobody, daemon, created);
    forgeSignals(nobody, "", created);
    // Also in the middle of a request.
    Pending request(guest.client, guest.client.request(kManagerPath, kManager, "CreateSandbox", "second",
                                                       Properties{{"PIDs", numbers({&second})}}, std::uint64_t{0}));
    Created other = created;
    other.unit = "scopewright-0-second.scope";
    forgeSignals(nobody, daemon, other);
    CHECK(createdBy(request.wait()).unit == other.unit);
    CHECK(guest.list().size() == 2);
    CHECK(recorder.count([](const Signal& signal) { return signal.member == "SandboxRemoved"; }) == 0);
    CHECK(guest.daemonPid() == pid);
    CHECK(guest.client.owner() == daemon);
}

TEST_CASE("root's own mistaken signals change nothing either", "[attack-44]") {
    Guest guest;
    Child child;
    const Created created = guest.create("web", {&child});
    const pid_t pid = guest.daemonPid();
    const Client other;
    forgeSignals(other, guest.client.owner(), created);
    CHECK(guest.list().size() == 1);
    CHECK(child.controlGroup() == created.payload());
    CHECK(guest.daemonPid() == pid);
}
