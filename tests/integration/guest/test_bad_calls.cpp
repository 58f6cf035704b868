// SPDX-License-Identifier: LGPL-2.1-or-later
// Calls about sandboxes and groups that must be refused, each with its error, and none with an effect.
#include "catch.h"
#include "guest/guest.h"
#include "guest/snapshot.h"

#include <csignal>

using namespace scopewright::integration;
using scopewright::Properties;
using scopewright::Value;
namespace bus = scopewright::bus;

namespace {

const std::uint64_t kNoFlags = 0;

struct Stage {
    Guest guest;
    Child child;
    Created created = guest.create("web", {&child});
    std::string group = guest.createGroup("web", "c1");
    Snapshot before{guest, {&child}};

    void checkUnchanged() const { CHECK(Snapshot(guest, {&child}) == before); }
};

} // namespace

TEST_CASE("names of groups that the kernel could mean, or that lead elsewhere, are refused",
          "[attack-1][attack-2][attack-3]") {
    Stage stage;
    for (const std::string& name :
         {std::string(), std::string("."), std::string(".."), std::string("a/b"), std::string("/a"),
          std::string("memory.max"), std::string("pids.max"), std::string("cgroup.x"), std::string("cgroup.procs"),
          std::string("memory.high"), std::string("hugetlb.2MB.max"), std::string("A"), std::string("a b"),
          std::string("a\nb"), std::string("-a"), std::string("\xc3\xa9"), std::string("a%"), std::string(129, 'a')}) {
        CAPTURE(name);
        const Answer manager = stage.guest.client.manager("CreateCompatGroup", "web", name, Properties(), kNoFlags);
        CHECK(manager.error == kInvalid);
        CHECK(isPlainSentence(manager.text));
        CHECK(stage.guest.client.call(stage.created.object, kSandbox, "CreateCompatGroup", name, Properties(), kNoFlags)
                  .error == kInvalid);
        CHECK(stage.guest.client.manager("RemoveGroup", "web", name).error == kNoGroup);
    }
    stage.checkUnchanged();
}

TEST_CASE("properties that are no group's are refused") {
    Stage stage;
    const std::pair<scopewright::Property, const char*> all[] = {
        {{"PIDs", std::vector<std::uint32_t>{stage.child.number()}}, kNotAllowed},
        {{"Slice", std::string("machine.slice")}, kNotAllowed},
        {{"memory.max", std::string("max")}, kNotAllowed},
        {{"../memory.max", std::string("max")}, kNotAllowed},
        {{"memory.limit", std::int64_t{0}}, kInvalid},
        {{"memory.limit", std::string("max")}, kInvalid},
        {{"cpu.quota", std::int64_t{1}}, kInvalid},
        {{"cpu.period", std::int64_t{0}}, kInvalid},
        {{"Strict", std::string("yes")}, kInvalid},
    };
    for (const auto& [property, error] : all) {
        CAPTURE(property.name);
        CHECK(stage.guest.client.manager("CreateCompatGroup", "web", "c2", Properties{property}, kNoFlags).error ==
              std::string(error));
    }
    CHECK(stage.guest.client.manager("CreateCompatGroup", "web", "c2", Properties(), std::uint64_t{4}).error ==
          kInvalid);
    stage.checkUnchanged();
}

TEST_CASE("a group that the kernel refuses to make is refused with the limit that was reached", "[fault-28]") {
    Stage stage;
    Override descendants(stage.created.controlGroup, "cgroup.max.descendants", "2");
    CHECK(stage.guest.client.manager("CreateCompatGroup", "web", "c2", Properties(), kNoFlags).error == kLimits);
    stage.checkUnchanged();
}

TEST_CASE("sandboxes that are not there are told so, and ids that cannot be are bad arguments", "[attack-13]") {
    Stage stage;
    const Client& client = stage.guest.client;
    const auto all = [&](const std::string& id) {
        return std::vector<std::string>{
            client.manager("GetSandbox", id).error,
            client.manager("ListGroups", id).error,
            client.manager("StopSandbox", id).error,
            client.manager("KillSandbox", id, std::int32_t{SIGKILL}).error,
            client.manager("RemoveGroup", id, "c1").error,
            client.manager("CreateCompatGroup", id, "c2", Properties(), kNoFlags).error,
        };
    };
    for (const std::string& id : {std::string("other"), std::string("1000:web"), std::string(64, 'a')}) {
        CAPTURE(id);
        CHECK(all(id) == std::vector<std::string>(6, kNoSandbox));
    }
    for (const std::string& id : {std::string(), std::string(".."), std::string("a/b"), std::string("WEB"),
                                  std::string("x:web"), std::string("-1:web"), std::string("99999999999:web")}) {
        CAPTURE(id);
        CHECK(all(id) == std::vector<std::string>(6, kInvalid));
    }
    stage.checkUnchanged();
}

TEST_CASE("objects that are not there are told so", "[attack-13]") {
    Stage stage;
    const Client& client = stage.guest.client;
    const std::string none = "/org/scopewright1/sandbox/other";
    CHECK(client.call(none, kSandbox, "Stop").error == kNoSandbox);
    CHECK(client.call(none, kSandbox, "Kill", std::int32_t{SIGKILL}).error == kNoSandbox);
    CHECK(client.call(none, kSandbox, "CreateCompatGroup", "c2", Properties(), kNoFlags).error == kNoSandbox);
    CHECK(client.call(none, kProperties, "GetAll", kSandbox).error == kNoSandbox);
    CHECK(client.call(none, kProperties, "Get", kSandbox, "Unit").error == kNoSandbox);
    CHECK(client.call(none + "/group/c1", kGroup, "Remove").error == kNoSandbox);
    CHECK(client.call(stage.created.object + "/group/c9", kGroup, "Remove").error == kNoGroup);
    CHECK(client.call(stage.created.object + "/group/c9", kProperties, "GetAll", kGroup).error == kNoGroup);
    for (const char* path : {"/", "/org", "/org/scopewright1/group", "/org/scopewright1/sandbox/web/c1",
                             "/org/scopewright1/sandbox/web/group/c1/x", "/org/scopewright1/sandbox/_2e_2e"}) {
        CAPTURE(path);
        const std::string error = client.call(path, kSandbox, "Stop").error;
        CHECK((error == "org.freedesktop.DBus.Error.UnknownObject" ||
               error == "org.freedesktop.DBus.Error.UnknownMethod"));
    }
    stage.checkUnchanged();
}

TEST_CASE("signals that do not exist are refused") {
    Stage stage;
    for (const std::int32_t signal : {0, -1, 65, 1000, INT32_MIN, INT32_MAX}) {
        CAPTURE(signal);
        CHECK(stage.guest.client.manager("KillSandbox", "web", signal).error == kInvalid);
        CHECK(stage.guest.client.call(stage.created.object, kSandbox, "Kill", signal).error == kInvalid);
    }
    stage.checkUnchanged();
}

TEST_CASE("processes that are in no sandbox, or that are none, have none") {
    Stage stage;
    const Client& client = stage.guest.client;
    CHECK(client.manager("GetSandboxByPID", std::uint32_t{1}).error == kNoSandbox);
    CHECK(client.manager("GetSandboxByPID", UINT32_MAX).error == kNoProcess);
    CHECK(client.manager("GetSandboxByPID", std::uint32_t{INT32_MAX}).error == kNoProcess);
    Child dead;
    dead.kill();
    CHECK(client.manager("GetSandboxByPID", dead.number()).error == kNoSandbox);
    bus::Message call = client.request(kManagerPath, kManager, "GetSandboxByPIDFD");
    REQUIRE(sd_bus_message_append(call.raw(), "h", STDOUT_FILENO) >= 0);
    CHECK(client.send(call).error == kInvalid);
    stage.checkUnchanged();
}

TEST_CASE("calls with other arguments than the interface says are bad arguments", "[attack-11][attack-12]") {
    Stage stage;
    const Client& client = stage.guest.client;
    CHECK(client.manager("CreateSandbox").error == kInvalid);
    CHECK(client.manager("CreateSandbox", "web").error == kInvalid);
    CHECK(client.manager("CreateSandbox", "web", "x", kNoFlags).error == kInvalid);
    CHECK(client.manager("CreateSandbox", "web", Properties(), std::uint32_t{0}).error == kInvalid);
    CHECK(client.manager("StopSandbox").error == kInvalid);
    CHECK(client.manager("StopSandbox", std::uint32_t{1}).error == kInvalid);
    CHECK(client.manager("StopSandbox", "web", "web").error == kInvalid);
    CHECK(client.manager("KillSandbox", "web", std::uint32_t{9}).error == kInvalid);
    CHECK(client.manager("ListSandboxes", "x").error == kInvalid);
    CHECK(client.manager("GetSandboxByPID", std::int32_t{1}).error == kInvalid);
    CHECK(client.call(stage.created.object, kSandbox, "Stop", "x").error == kInvalid);
    CHECK(client.call(stage.created.object + "/group/c1", kGroup, "Remove", "x").error == kInvalid);
    stage.checkUnchanged();
}

TEST_CASE("methods, interfaces and properties that there are not are unknown") {
    Stage stage;
    const Client& client = stage.guest.client;
    const std::string method = "org.freedesktop.DBus.Error.UnknownMethod";
    CHECK(client.manager("DestroySandbox", "web").error == method);
    CHECK(client.call(kManagerPath, kSandbox, "Stop").error == method);
    // sd-bus knows no better name for an unknown interface.
    CHECK(client.call(kManagerPath, "org.scopewright1.Nothing", "Stop").error == method);
    CHECK(client.call(stage.created.object, kManager, "ListSandboxes").error == method);
    CHECK(client.call(stage.created.object, kSandbox, "Remove").error == method);
    CHECK(client.call(kManagerPath, kProperties, "Get", kManager, "Nothing").error ==
          "org.freedesktop.DBus.Error.UnknownProperty");
    CHECK(client.call(kManagerPath, kProperties, "GetAll", "org.scopewright1.Nothing").error ==
          "org.freedesktop.DBus.Error.UnknownInterface");
    stage.checkUnchanged();
}

TEST_CASE("no property can be set", "[attack-60]") {
    Stage stage;
    const Client& client = stage.guest.client;
    const std::string readOnly = "org.freedesktop.DBus.Error.PropertyReadOnly";
    const auto set = [&](const std::string& path, const char* interface, const char* property, const Value& value) {
        return client.call(path, kProperties, "Set", interface, property, value).error;
    };
    CHECK(set(kManagerPath, kManager, "Version", std::string("1")) == readOnly);
    CHECK(set(stage.created.object, kSandbox, "State", std::string("stopping")) == readOnly);
    CHECK(set(stage.created.object, kSandbox, "OwnerUID", std::uint32_t{1000}) == readOnly);
    CHECK(set(stage.created.object + "/group/c1", kGroup, "Name", std::string("x")) == readOnly);
    stage.checkUnchanged();
}
