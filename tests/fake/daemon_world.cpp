// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon_world.h"

#include <algorithm>
#include <stdexcept>

namespace scopewright::fake {

namespace {

/// Basic types and lists of them and of structures, one word each.
void appendText(sd_bus_message* m, std::string& text) {
    char type = 0;
    const char* contents = nullptr;
    while (bus::check(sd_bus_message_peek_type(m, &type, &contents), "peek") > 0) {
        if (contents) {
            bus::check(sd_bus_message_enter_container(m, type, contents), "enter");
            appendText(m, text);
            bus::check(sd_bus_message_exit_container(m), "leave");
            continue;
        }
        if (!text.empty()) text += ' ';
        union {
            const char* s;
            std::uint32_t u;
            std::uint64_t t;
            std::int64_t x;
            int b;
        } value{};
        bus::check(sd_bus_message_read_basic(m, type, &value), "read");
        switch (type) {
            case 's':
            case 'o': text += value.s; break;
            case 'u': text += std::to_string(value.u); break;
            case 't': text += std::to_string(value.t); break;
            case 'x': text += std::to_string(value.x); break;
            case 'b': text += value.b ? "true" : "false"; break;
            default: throw std::runtime_error(std::string("no text for type ") + type);
        }
    }
}

} // namespace

config::Config DaemonWorld::quick() {
    config::Config config;
    config.jobTimeout = std::chrono::seconds(2);
    return config;
}

DaemonWorld::DaemonWorld(config::Config config) : config_(std::move(config)) {
    restart();
}

DaemonWorld::~DaemonWorld() {
    service_.reset();
}

void DaemonWorld::crash() {
    service_.reset();
    disconnect();
    signals().clear();
}

void DaemonWorld::restartWithoutWaiting() {
    crash();
    connect();
    service_.emplace(connection(), cgroup::Group::openRoot(tree().mountPoint()), config_);
    service_->spawn(service_->start());
}

void DaemonWorld::restart() {
    crash();
    connect();
    service_.emplace(connection(), cgroup::Group::openRoot(tree().mountPoint()), config_);
    await(service_->start());
}

Pending DaemonWorld::answer(Pending call) {
    if (!until([&] { return call->done; })) throw std::runtime_error("a call got no answer");
    return call;
}

std::string DaemonWorld::property(const std::string& path, const std::string& interface, const std::string& name,
                                  const char* sender) {
    Pending reply = answer(call(sender, path, "org.freedesktop.DBus.Properties", "Get", interface, name));
    if (!reply->error.empty()) return "";
    std::string text;
    sd_bus_message_rewind(reply->answer.raw(), 1);
    appendText(reply->answer.raw(), text);
    return text;
}

std::vector<std::string> DaemonWorld::list(const char* sender) {
    Pending reply = answer(manager(sender, "ListSandboxes"));
    if (!reply->error.empty()) throw std::runtime_error("ListSandboxes: " + reply->text);
    std::vector<std::string> lines;
    sd_bus_message* m = reply->answer.raw();
    bus::check(sd_bus_message_enter_container(m, 'a', "(ssuo)"), "enter");
    const char* id = "";
    const char* unit = "";
    const char* path = "";
    std::uint32_t uid = 0;
    while (bus::check(sd_bus_message_read(m, "(ssuo)", &id, &unit, &uid, &path), "read") > 0)
        lines.push_back(std::string(id) + " " + unit + " " + std::to_string(uid) + " " + path);
    return lines;
}

std::vector<std::string> DaemonWorld::groups(const std::string& id) {
    Pending reply = answer(manager(kRoot, "ListGroups", id));
    if (!reply->error.empty()) throw std::runtime_error("ListGroups: " + reply->text);
    std::vector<std::string> lines;
    sd_bus_message* m = reply->answer.raw();
    bus::check(sd_bus_message_enter_container(m, 'a', "(sss)"), "enter");
    const char* name = "";
    const char* kind = "";
    const char* group = "";
    while (bus::check(sd_bus_message_read(m, "(sss)", &name, &kind, &group), "read") > 0)
        lines.push_back(std::string(name) + " " + kind);
    return lines;
}

std::string DaemonWorld::describe() {
    Pending reply = answer(manager(kRoot, "Describe"));
    if (!reply->error.empty()) throw std::runtime_error("Describe: " + reply->text);
    return std::get<0>(reply->values<std::string>());
}

DaemonWorld::Snapshot DaemonWorld::snapshot() {
    Snapshot now{systemd.names(), tree().below(tree().prefix()), list(), {}};
    // PID 1 makes slices as it needs them.
    std::erase_if(now.groups, [](const std::string& group) { return group.ends_with(".slice"); });
    std::sort(now.groups.begin(), now.groups.end());
    for (const std::unique_ptr<Child>& child : processes())
        now.places.push_back(std::to_string(child->pid()) + (child->alive() ? " " : " dead ") + child->controlGroup());
    return now;
}

Properties pids(const std::vector<const Child*>& children) {
    std::vector<std::uint32_t> numbers;
    for (const Child* child : children)
        numbers.push_back(child->number());
    return Properties(1, Property{"PIDs", std::move(numbers)});
}

Properties pids(const Child& child) {
    return pids(std::vector<const Child*>{&child});
}

Properties with(Properties properties, const std::string& name, Value value) {
    properties.push_back(Property{name, std::move(value)});
    return properties;
}

} // namespace scopewright::fake
