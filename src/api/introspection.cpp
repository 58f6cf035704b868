// SPDX-License-Identifier: LGPL-2.1-or-later
#include "api/introspection.h"

#include "api/group_object.h"
#include "api/manager_object.h"
#include "api/paths.h"
#include "api/sandbox_object.h"
#include "base/error.h"
#include "bus/codec.h"

#include <sys/socket.h>

#include <array>

namespace scopewright::api {

namespace {

struct Interface {
    const char* name;
    const sd_bus_vtable* table;
};

std::array<Interface, 3> tables() {
    return {Interface{kManagerInterface, managerTable()}, Interface{kSandboxInterface, sandboxTable()},
            Interface{kGroupInterface, groupTable()}};
}

bus::BusHandle openEnd(int fd, bool server) {
    sd_bus* raw = nullptr;
    bus::check(sd_bus_new(&raw), "make a bus");
    bus::BusHandle end(raw);
    bus::check(sd_bus_set_fd(raw, fd, fd), "use a socket");
    sd_id128_t id{};
    if (server) bus::check(sd_bus_set_server(raw, 1, id), "serve a socket");
    bus::check(sd_bus_start(raw), "start a connection");
    return end;
}

/// Only a connection writes introspection data, so two ends of a socket talk to each other.
std::string documentOf(const Interface& interface) {
    constexpr const char* kPath = "/interface";
    std::array<int, 2> sockets{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sockets.data()) < 0)
        throw errnoError("make a pair of sockets");
    const bus::BusHandle server = openEnd(sockets[0], true);
    const bus::BusHandle client = openEnd(sockets[1], false);
    bus::check(sd_bus_add_object_vtable(server.get(), nullptr, kPath, interface.name, interface.table, nullptr),
               "publish an interface");
    bus::Message call =
        bus::methodCall(client.get(), nullptr, kPath, "org.freedesktop.DBus.Introspectable", "Introspect");
    std::string document;
    const auto keep = [](sd_bus_message* reply, void* userdata, sd_bus_error*) noexcept {
        const char* text = nullptr;
        *static_cast<std::string*>(userdata) = sd_bus_message_read(reply, "s", &text) > 0 ? text : "error";
        return 1;
    };
    bus::check(sd_bus_call_async(client.get(), nullptr, call.raw(), keep, &document, 0), "ask for introspection");
    while (document.empty()) {
        bus::check(sd_bus_process(client.get(), nullptr), "talk to oneself");
        bus::check(sd_bus_process(server.get(), nullptr), "talk to oneself");
    }
    return document;
}

} // namespace

std::vector<std::string> interfaces() {
    std::vector<std::string> names;
    for (const Interface& interface : tables())
        names.emplace_back(interface.name);
    return names;
}

std::string introspect(std::string_view name) {
    for (const Interface& interface : tables()) {
        if (interface.name != name) continue;
        // Around ours stand those that every object has; a file for one interface leaves them out.
        const std::string document = documentOf(interface);
        const std::string opening = " <interface name=\"" + std::string(name) + "\">";
        const std::string closing = " </interface>\n";
        const std::size_t start = document.find(opening);
        const std::size_t end = document.find(closing, start);
        if (start == std::string::npos || end == std::string::npos) break;
        return document.substr(0, document.find("<node>")) + "<node>\n" +
               document.substr(start, end + closing.size() - start) + "</node>\n";
    }
    throw Error(ErrorCode::InvalidArgument, "there is no interface " + quoted(name));
}

} // namespace scopewright::api
