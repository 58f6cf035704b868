// SPDX-License-Identifier: LGPL-2.1-or-later
#include "catch.h"
#include "guest/guest.h"
#include "program.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

using namespace scopewright::integration;
using scopewright::Properties;
using scopewright::Property;
namespace bus = scopewright::bus;

namespace {

const Properties kWish{{"memory.limit", std::int64_t{268435456}}, {"pids.limit", std::int64_t{64}}};

using Objects = std::map<std::string, std::map<std::string, Properties>>;

/// a{sa{sv}}, from where the message stands.
std::map<std::string, Properties> readInterfaces(sd_bus_message* m) {
    std::map<std::string, Properties> interfaces;
    bus::check(sd_bus_message_enter_container(m, 'a', "{sa{sv}}"), "read interfaces");
    while (bus::check(sd_bus_message_enter_container(m, 'e', "sa{sv}"), "read interfaces") > 0) {
        std::string name;
        bus::read(m, name);
        bus::readDictionary(m, interfaces[name]);
        bus::check(sd_bus_message_exit_container(m), "read interfaces");
    }
    bus::check(sd_bus_message_exit_container(m), "read interfaces");
    return interfaces;
}

Objects managedObjects(const Client& client) {
    const Answer answer = client.call(kManagerPath, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects");
    sd_bus_message* m = answer.must().reply.raw();
    Objects objects;
    bus::check(sd_bus_message_enter_container(m, 'a', "{oa{sa{sv}}}"), "read objects");
    while (bus::check(sd_bus_message_enter_container(m, 'e', "oa{sa{sv}}"), "read objects") > 0) {
        bus::ObjectPath path;
        bus::read(m, path);
        objects.emplace(path.path, readInterfaces(m));
        bus::check(sd_bus_message_exit_container(m), "read objects");
    }
    return objects;
}

std::string introspect(const Client& client, const std::string& path) {
    const Answer answer = client.call(path, "org.freedesktop.DBus.Introspectable", "Introspect");
    return std::get<0>(answer.get<std::string>());
}

/// `<interface name="…">…</interface>`, without the layout.
std::string interfaceIn(const std::string& document, const std::string& name) {
    const std::size_t start = document.find("<interface name=\"" + name + "\">");
    if (start == std::string::npos) return "";
    std::string text = document.substr(start, document.find("</interface>", start) - start);
    text.erase(std::remove_if(text.begin(), text.end(), [](char c) { return c == ' ' || c == '\n'; }), text.end());
    return text;
}

bool changes(const Signal& signal, const std::string& path, const char* interface, const char* property) {
    if (signal.path != path || signal.member != "PropertiesChanged") return false;
    if (std::get<0>(signal.get<std::string>()) != interface) return false;
    Properties changed;
    bus::readDictionary(signal.message.raw(), changed);
    return std::any_of(changed.begin(), changed.end(), [&](const Property& one) { return one.name == property; });
}

} // namespace

TEST_CASE("the objects of a sandbox and its groups have all their properties") {
    Guest guest;
    Child child;
    const Created created = guest.create("web", {&child}, kWish);
    const std::string group = guest.createGroup("web", "cri-containerd-1.scope", kWish);

    const Properties sandbox = guest.client.properties(created.object, kSandbox);
    CHECK(textOf(sandbox, "Id") == "web");
    CHECK(textOf(sandbox, "Unit") == created.unit);
    CHECK(textOf(sandbox, "Slice") == "scopewright.slice");
    CHECK(textOf(sandbox, "ControlGroup") == created.controlGroup);
    CHECK(valueOf<std::uint32_t>(sandbox, "OwnerUID") == 0);
    CHECK(textOf(sandbox, "State") == "running");
    CHECK(valueOf<std::vector<std::string>>(sandbox, "Groups") ==
          std::vector<std::string>{"cri-containerd-1.scope", "payload"});

    const std::string prefix = created.object + "/group/";
    const Properties payload = guest.client.properties(prefix + "payload", kGroup);
    CHECK(textOf(payload, "Name") == "payload");
    CHECK(textOf(payload, "Kind") == "payload");
    CHECK(textOf(payload, "ControlGroup") == created.payload());
    const Properties compat = guest.client.properties(prefix + "cri_2dcontainerd_2d1_2escope", kGroup);
    CHECK(textOf(compat, "Name") == "cri-containerd-1.scope");
    CHECK(textOf(compat, "Kind") == "compat");
    CHECK(textOf(compat, "ControlGroup") == group);
    CHECK(guest.groups("web") == std::vector<GroupLine>{{"cri-containerd-1.scope", "compat", group},
                                                        {"payload", "payload", created.payload()}});
}

TEST_CASE("the object manager lists every sandbox and every group") {
    Guest guest;
    Child first, second;
    const Created one = guest.create("one", {&first});
    const Created two = guest.create("two-2.x", {&second});
    guest.createGroup("one", "c1");

    const Objects objects = managedObjects(guest.client);
    CHECK(objects.size() == 5);
    for (const std::string& path : {one.object, two.object}) {
        REQUIRE(objects.contains(path));
        CHECK(objects.at(path).contains(kSandbox));
        CHECK_FALSE(objects.at(path).contains(kGroup));
        REQUIRE(objects.contains(path + "/group/payload"));
        CHECK(objects.at(path + "/group/payload").contains(kGroup));
        CHECK_FALSE(objects.at(path + "/group/payload").contains(kSandbox));
    }
    REQUIRE(objects.contains(one.object + "/group/c1"));
    CHECK(textOf(objects.at(one.object).at(kSandbox), "Unit") == one.unit);
    CHECK(textOf(objects.at(one.object + "/group/c1").at(kGroup), "Name") == "c1");
}

TEST_CASE("clients are told of every sandbox and group that comes or goes") {
    Guest guest;
    Recorder recorder;
    Child child;
    const Created created = guest.create("web", {&child});
    CHECK(recorder.hears([&](const Signal& s) {
        return s.path == kManagerPath && s.interface == kManager && s.member == "SandboxNew" &&
               std::get<0>(s.get<std::string, bus::ObjectPath>()) == "web";
    }));
    CHECK(recorder.hears([&](const Signal& s) {
        if (s.path != kManagerPath || s.member != "InterfacesAdded") return false;
        if (std::get<0>(s.get<bus::ObjectPath>()).path != created.object) return false;
        const std::map<std::string, Properties> interfaces = readInterfaces(s.message.raw());
        return interfaces.contains(kSandbox) && textOf(interfaces.at(kSandbox), "State") == "running";
    }));

    const auto group = [](const Signal& s) {
        const auto [name, path] = s.get<std::string, bus::ObjectPath>();
        return name + " " + path.path;
    };
    guest.createGroup("web", "c1");
    const std::string path = created.object + "/group/c1";
    CHECK(recorder.hears([&](const Signal& s) {
        return s.path == created.object && s.interface == kSandbox && s.member == "GroupNew" &&
               group(s) == "c1 " + path;
    }));
    CHECK(recorder.hears([&](const Signal& s) {
        return s.member == "InterfacesAdded" && std::get<0>(s.get<bus::ObjectPath>()).path == path;
    }));
    CHECK(recorder.hears([&](const Signal& s) { return changes(s, created.object, kSandbox, "Groups"); }));

    guest.client.manager("RemoveGroup", "web", "c1").must();
    CHECK(recorder.hears([&](const Signal& s) {
        return s.path == created.object && s.member == "GroupRemoved" && group(s) == "c1 " + path;
    }));
    CHECK(recorder.hears([&](const Signal& s) {
        return s.member == "InterfacesRemoved" && std::get<0>(s.get<bus::ObjectPath>()).path == path;
    }));

    guest.client.manager("StopSandbox", "web").must();
    CHECK(recorder.hears([&](const Signal& s) { return changes(s, created.object, kSandbox, "State"); }));
    guest.checkGone("web", created, recorder);
    for (const char* member : {"SandboxNew", "SandboxRemoved", "GroupNew", "GroupRemoved"})
        CHECK(recorder.count([&](const Signal& s) { return s.member == member; }) == 1);
}

TEST_CASE("introspection names every argument, and says what the installed files say") {
    Guest guest;
    Child child;
    const Created created = guest.create("web", {&child});
    const std::vector<std::pair<std::string, std::string>> objects{
        {kManagerPath, kManager}, {created.object, kSandbox}, {created.object + "/group/payload", kGroup}};
    for (const auto& [path, interface] : objects) {
        CAPTURE(interface);
        const std::string described = interfaceIn(introspect(guest.client, path), interface);
        REQUIRE_FALSE(described.empty());
        CHECK(described.find("<argtype=\"s\"direction") == std::string::npos);
        CHECK(described.find("<method") != std::string::npos);
        std::ifstream file("/usr/share/dbus-1/interfaces/" + interface + ".xml");
        std::ostringstream text;
        text << file.rdbuf();
        CHECK(interfaceIn(text.str(), interface) == described);
    }
    const std::string manager = interfaceIn(introspect(guest.client, kManagerPath), kManager);
    CHECK(manager.find("<methodname=\"CreateSandbox\"><argtype=\"s\"name=\"id\"direction=\"in\"/>"
                       "<argtype=\"a(sv)\"name=\"properties\"direction=\"in\"/>"
                       "<argtype=\"t\"name=\"flags\"direction=\"in\"/>"
                       "<argtype=\"o\"name=\"sandbox\"direction=\"out\"/>"
                       "<argtype=\"s\"name=\"unit\"direction=\"out\"/>"
                       "<argtype=\"s\"name=\"control_group\"direction=\"out\"/>") != std::string::npos);
}

TEST_CASE("introspection leads from the entry object to every sandbox and group") {
    Guest guest;
    Child child;
    const Created created = guest.create("web-1", {&child});
    guest.createGroup("web-1", "c1");
    CHECK(introspect(guest.client, kManagerPath).find("<node name=\"sandbox\"/>") != std::string::npos);
    CHECK(introspect(guest.client, "/org/scopewright1/sandbox").find("<node name=\"web_2d1\"/>") != std::string::npos);
    // sd-bus writes what an enumerator gives it as one relative path.
    CHECK(introspect(guest.client, created.object).find("<node name=\"group/c1\"/>") != std::string::npos);
    CHECK(introspect(guest.client, created.object + "/group").find("<node name=\"c1\"/>") != std::string::npos);

    const std::string tree = run({"busctl", "tree", "--list", "org.scopewright1"});
    for (const std::string& path :
         {std::string(kManagerPath), created.object, created.object + "/group/payload", created.object + "/group/c1"})
        CHECK(tree.find(path + "\n") != std::string::npos);
}

TEST_CASE("Describe is JSON and names everything") {
    Guest guest;
    Child first, second;
    const Created created = guest.create("web", {&first}, kWish);
    guest.create("db", {&second});
    const std::string group = guest.createGroup("web", "c1", kWish);

    const nlohmann::json all = nlohmann::json::parse(std::get<0>(guest.client.manager("Describe").get<std::string>()));
    CHECK(all.at("Version") == SCOPEWRIGHT_VERSION);
    CHECK(all.at("SystemdVersion") == guest.systemd.version());
    REQUIRE(all.at("Sandboxes").size() == 2);
    CHECK(all.at("Sandboxes")[0].at("Id") == "db");
    const nlohmann::json& web = all.at("Sandboxes")[1];
    CHECK(web.at("Id") == "web");
    CHECK(web.at("Unit") == created.unit);
    CHECK(web.at("ControlGroup") == created.controlGroup);
    CHECK(web.at("Resources").at("memory.limit") == 268435456);
    REQUIRE(web.at("Groups").size() == 2);
    CHECK(web.at("Groups")[0].at("Name") == "c1");
    CHECK(web.at("Groups")[0].at("ControlGroup") == group);
    CHECK(web.at("Groups")[0].at("Resources").at("pids.limit") == 64);
}
