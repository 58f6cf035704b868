// SPDX-License-Identifier: LGPL-2.1-or-later
#include "api/sandbox_object.h"

#include "api/getter.h"
#include "api/paths.h"
#include "bus/codec.h"
#include "bus/handler.h"

#include <cstdlib>
#include <cstring>

namespace scopewright::api {

namespace {

/// The sandbox in the path of a call.
sandbox::Key keyIn(const bus::Message& call) {
    const std::optional<sandbox::Key> key = parseSandboxPath(sd_bus_message_get_path(call.raw()));
    if (!key) throw Error(ErrorCode::NoSuchSandbox, "the object is not a sandbox");
    return *key;
}

/// sd-bus announces an object with the interfaces that every object has; a client forgets it when all of them are gone.
void emitGone(sd_bus* bus, const std::string& path, const char* interface) {
    sd_bus_emit_interfaces_removed(bus, path.c_str(), "org.freedesktop.DBus.Peer",
                                   "org.freedesktop.DBus.Introspectable", "org.freedesktop.DBus.Properties", interface,
                                   nullptr);
}

} // namespace

const sandbox::Sandbox* SandboxObject::find(const char* path) const {
    const std::optional<sandbox::Key> key = parseSandboxPath(path);
    if (!key) return nullptr;
    auto found = context_.sandboxes.registry().all().find(*key);
    const bool visible = found != context_.sandboxes.registry().all().end() && context_.mayLookAt(*key);
    return visible ? &found->second : nullptr;
}

async::Task<bus::Message> SandboxObject::createGroup(bus::Message call) {
    return create(std::move(call), sandbox::kProcess);
}

async::Task<bus::Message> SandboxObject::createCompatGroup(bus::Message call) {
    return create(std::move(call), sandbox::kCompat);
}

async::Task<bus::Message> SandboxObject::update(bus::Message call) {
    bus::Caller caller = co_await context_.caller(call);
    const sandbox::Key key = keyIn(call);
    co_await context_.reach(call, caller, key, kManage);
    const auto [resources] = bus::unpack<Properties>(call);
    co_await context_.sandboxes.enforcer().update(key, sandbox::parseUpdate(resources, context_.config));
    co_return bus::methodReturn(call);
}

async::Task<bus::Message> SandboxObject::create(bus::Message call, const char* kind) {
    bus::Caller caller = co_await context_.caller(call);
    const sandbox::Key key = keyIn(call);
    co_await context_.reach(call, caller, key, kManage);
    const auto [name, properties, flags] = bus::unpack<std::string, Properties, std::uint64_t>(call);
    const sandbox::GroupSpec spec = sandbox::parseGroup(kind, key, name, properties, flags, context_.config);
    const sandbox::Group& group = context_.sandboxes.createGroup(key, spec, caller.uid);
    co_return bus::methodReturn(call, bus::ObjectPath(groupPath(key, group.name)), group.controlGroup);
}

async::Task<bus::Message> SandboxObject::kill(bus::Message call) {
    bus::Caller caller = co_await context_.caller(call);
    const sandbox::Key key = keyIn(call);
    co_await context_.reach(call, caller, key, kManage);
    const auto [signal] = bus::unpack<std::int32_t>(call);
    co_await context_.sandboxes.kill(key, signal, caller.uid);
    co_return bus::methodReturn(call);
}

async::Task<bus::Message> SandboxObject::attach(bus::Message call) {
    return attachBy<std::vector<std::uint32_t>>(std::move(call), "PIDs");
}

async::Task<bus::Message> SandboxObject::attachFds(bus::Message call) {
    return attachBy<BorrowedFds>(std::move(call), "PIDFDs");
}

template <class Handles>
async::Task<bus::Message> SandboxObject::attachBy(bus::Message call, const char* property) {
    bus::Caller caller = co_await context_.caller(call);
    const sandbox::Key key = keyIn(call);
    co_await context_.reach(call, caller, key, kManage);
    const auto [group, handles] = bus::unpack<std::string, Handles>(call);
    context_.attach(key, group, Property{property, handles}, caller);
    co_return bus::methodReturn(call);
}

async::Task<bus::Message> SandboxObject::freeze(bus::Message call) {
    return carryOut(std::move(call), &sandbox::Sandboxes::freeze);
}

async::Task<bus::Message> SandboxObject::thaw(bus::Message call) {
    return carryOut(std::move(call), &sandbox::Sandboxes::thaw);
}

async::Task<bus::Message> SandboxObject::stop(bus::Message call) {
    return carryOut(std::move(call), &sandbox::Sandboxes::stop);
}

async::Task<bus::Message> SandboxObject::carryOut(bus::Message call, Context::Verb verb) {
    bus::Caller caller = co_await context_.caller(call);
    bus::Message reply = co_await context_.carryOut(call, caller, keyIn(call), verb);
    co_return reply;
}

struct SandboxTable {
    /// A path of the right form for which there is no sandbox gets our own error; one of another form is not ours.
    static int findObject(sd_bus*, const char* path, const char*, void* userdata, void** found,
                          sd_bus_error* error) noexcept {
        const std::optional<sandbox::Key> key = parseSandboxPath(path);
        if (!key) return 0;
        SandboxObject& self = *static_cast<SandboxObject*>(userdata);
        // Our own methods ask for themselves who may call them, which can take its time.
        if (!self.context_.isOwnCall(kSandboxInterface) && !self.find(path))
            return sd_bus_error_setf(error, std::string(dbusName(ErrorCode::NoSuchSandbox)).c_str(),
                                     "there is no sandbox '%s'", sandbox::label(*key).c_str());
        *found = userdata;
        return 1;
    }

    /// Of what only the kernel knows.
    static int remains(sd_bus*, const char* path, const char*, const char*, sd_bus_message* reply, void* userdata,
                       sd_bus_error*) noexcept {
        const SandboxObject& self = *static_cast<const SandboxObject*>(userdata);
        const sandbox::Sandbox* sandbox = self.find(path);
        if (!sandbox) return -ENOENT;
        try {
            bus::append(reply, self.context_.sandboxes.remainsOf(*sandbox));
            return 0;
        } catch (const std::exception&) {
            return -EIO;
        }
    }

    template <auto kGetter>
    static int get(sd_bus*, const char* path, const char*, const char*, sd_bus_message* reply, void* userdata,
                   sd_bus_error*) noexcept {
        const sandbox::Sandbox* sandbox = static_cast<const SandboxObject*>(userdata)->find(path);
        if (!sandbox) return -ENOENT;
        try {
            kGetter(reply, *sandbox);
            return 0;
        } catch (const std::exception&) {
            return -EIO;
        }
    }

    static void id(sd_bus_message* m, const sandbox::Sandbox& s) { bus::append(m, s.key.id); }
    static void unit(sd_bus_message* m, const sandbox::Sandbox& s) { bus::append(m, s.unit); }
    static void slice(sd_bus_message* m, const sandbox::Sandbox& s) { bus::append(m, s.slice); }
    static void controlGroup(sd_bus_message* m, const sandbox::Sandbox& s) { bus::append(m, s.controlGroup); }
    static void owner(sd_bus_message* m, const sandbox::Sandbox& s) { bus::append(m, s.key.uid); }
    static void state(sd_bus_message* m, const sandbox::Sandbox& s) { bus::append(m, sandbox::toString(s.state)); }
    static void groups(sd_bus_message* m, const sandbox::Sandbox& s) {
        std::vector<std::string> names;
        for (const auto& [name, group] : s.groups)
            names.push_back(name);
        bus::append(m, names);
    }
    static void resources(sd_bus_message* m, const sandbox::Sandbox& s) {
        bus::appendDictionary(m, limits::toProperties(s.resources));
    }
    static void skipped(sd_bus_message* m, const sandbox::Sandbox& s) { appendSkips(m, s.skipped); }

    static constexpr std::uint64_t kConst = SD_BUS_VTABLE_PROPERTY_CONST;
    static constexpr std::uint64_t kChanges = SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE;
    static constexpr std::uint64_t kOpen = SD_BUS_VTABLE_UNPRIVILEGED;

    // clang-format off
    static constexpr sd_bus_vtable kTable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Id", "s", get<id>, 0, kConst),
        SD_BUS_PROPERTY("Unit", "s", get<unit>, 0, kConst),
        SD_BUS_PROPERTY("Slice", "s", get<slice>, 0, kConst),
        SD_BUS_PROPERTY("ControlGroup", "s", get<controlGroup>, 0, kConst),
        SD_BUS_PROPERTY("OwnerUID", "u", get<owner>, 0, kConst),
        SD_BUS_PROPERTY("State", "s", get<state>, 0, kChanges),
        SD_BUS_PROPERTY("Groups", "as", get<groups>, 0, kChanges),
        SD_BUS_PROPERTY("Resources", "a{sv}", get<resources>, 0, kChanges),
        SD_BUS_PROPERTY("Skipped", "a(sss)", get<skipped>, 0, kChanges),
        SD_BUS_PROPERTY("Remains", "t", remains, 0, SD_BUS_VTABLE_PROPERTY_EXPLICIT),
        SD_BUS_METHOD_WITH_ARGS("CreateCompatGroup", SD_BUS_ARGS("s", name, "a(sv)", properties, "t", flags),
            SD_BUS_RESULT("o", group, "s", control_group), bus::handle<&SandboxObject::createCompatGroup>, kOpen),
        SD_BUS_METHOD_WITH_ARGS("CreateGroup", SD_BUS_ARGS("s", name, "a(sv)", properties, "t", flags),
            SD_BUS_RESULT("o", group, "s", control_group), bus::handle<&SandboxObject::createGroup>, kOpen),
        SD_BUS_METHOD_WITH_ARGS("Update", SD_BUS_ARGS("a(sv)", resources), SD_BUS_NO_RESULT,
            bus::handle<&SandboxObject::update>, kOpen),
        SD_BUS_METHOD_WITH_ARGS("AttachProcesses", SD_BUS_ARGS("s", group, "au", pids), SD_BUS_NO_RESULT,
            bus::handle<&SandboxObject::attach>, kOpen),
        SD_BUS_METHOD_WITH_ARGS("AttachProcessFDs", SD_BUS_ARGS("s", group, "ah", pidfds), SD_BUS_NO_RESULT,
            bus::handle<&SandboxObject::attachFds>, kOpen),
        SD_BUS_METHOD_WITH_ARGS("Freeze", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, bus::handle<&SandboxObject::freeze>,
            kOpen),
        SD_BUS_METHOD_WITH_ARGS("Thaw", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, bus::handle<&SandboxObject::thaw>, kOpen),
        SD_BUS_METHOD_WITH_ARGS("Kill", SD_BUS_ARGS("i", signal), SD_BUS_NO_RESULT,
            bus::handle<&SandboxObject::kill>, kOpen),
        SD_BUS_METHOD_WITH_ARGS("Stop", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, bus::handle<&SandboxObject::stop>, kOpen),
        SD_BUS_SIGNAL_WITH_ARGS("Removed", SD_BUS_ARGS("s", reason), 0),
        SD_BUS_SIGNAL_WITH_ARGS("GroupNew", SD_BUS_ARGS("s", name, "o", group), 0),
        SD_BUS_SIGNAL_WITH_ARGS("GroupRemoved", SD_BUS_ARGS("s", name, "o", group), 0),
        SD_BUS_VTABLE_END,
    };
    // clang-format on
};

const sd_bus_vtable* sandboxTable() {
    return SandboxTable::kTable;
}

SandboxObject::SandboxObject(Context& context) : context_(context) {
    sd_bus_slot* slot = nullptr;
    bus::check(sd_bus_add_fallback_vtable(context_.connection.raw(), &slot, kSandboxPrefix, kSandboxInterface,
                                          SandboxTable::kTable, SandboxTable::findObject, this),
               "publish the sandbox objects");
    slot_.reset(slot);
    bus::check(sd_bus_add_node_enumerator(context_.connection.raw(), &slot, kSandboxPrefix, enumerate, this),
               "enumerate the sandbox objects");
    enumerator_.reset(slot);
}

int SandboxObject::enumerate(sd_bus*, const char*, void* userdata, char*** nodes, sd_bus_error*) noexcept {
    const SandboxObject& self = *static_cast<const SandboxObject*>(userdata);
    try {
        std::vector<std::string> paths;
        for (const auto& [key, sandbox] : self.context_.sandboxes.registry().all()) {
            if (!sandbox.announced || !self.context_.mayLookAt(key)) continue;
            paths.push_back(sandboxPath(key));
            for (const auto& [name, group] : sandbox.groups)
                paths.push_back(groupPath(key, name));
        }
        // sd-bus frees the list and its strings with free().
        char** list = static_cast<char**>(std::calloc(paths.size() + 1, sizeof(char*)));
        if (!list) return -ENOMEM;
        for (std::size_t i = 0; i < paths.size(); ++i)
            list[i] = ::strdup(paths[i].c_str());
        *nodes = list;
        return 0;
    } catch (const std::exception&) {
        return -ENOMEM;
    }
}

void SandboxObject::emitNew(const sandbox::Sandbox& sandbox) const {
    std::vector<std::string> paths{sandboxPath(sandbox.key)};
    for (const auto& [name, group] : sandbox.groups)
        paths.push_back(groupPath(sandbox.key, name));
    context_.changes.tell([bus = context_.connection.raw(), paths = std::move(paths)] {
        for (const std::string& path : paths)
            sd_bus_emit_object_added(bus, path.c_str());
    });
}

void SandboxObject::emitRemoved(const sandbox::Sandbox& sandbox, const std::string& reason) const {
    const std::string path = sandboxPath(sandbox.key);
    std::vector<std::string> groups;
    for (const auto& [name, group] : sandbox.groups)
        groups.push_back(groupPath(sandbox.key, name));
    context_.changes.drop(path);
    for (const std::string& group : groups)
        context_.changes.drop(group);
    context_.changes.tell([bus = context_.connection.raw(), path, groups = std::move(groups), reason] {
        sd_bus_emit_signal(bus, path.c_str(), kSandboxInterface, "Removed", "s", reason.c_str());
        for (const std::string& group : groups)
            emitGone(bus, group, kGroupInterface);
        emitGone(bus, path, kSandboxInterface);
    });
}

void SandboxObject::emitChanged(const sandbox::Sandbox& sandbox, const char* property) const {
    context_.changes.add(sandboxPath(sandbox.key), kSandboxInterface, property);
}

void SandboxObject::emitGroupNew(const sandbox::Sandbox& sandbox, const sandbox::Group& group) const {
    context_.changes.tell([bus = context_.connection.raw(), path = sandboxPath(sandbox.key), name = group.name,
                           groupPath = groupPath(sandbox.key, group.name)] {
        sd_bus_emit_object_added(bus, groupPath.c_str());
        sd_bus_emit_signal(bus, path.c_str(), kSandboxInterface, "GroupNew", "so", name.c_str(), groupPath.c_str());
    });
    emitChanged(sandbox, "Groups");
}

void SandboxObject::emitGroupRemoved(const sandbox::Sandbox& sandbox, const sandbox::Group& group) const {
    context_.changes.drop(groupPath(sandbox.key, group.name));
    context_.changes.tell([bus = context_.connection.raw(), path = sandboxPath(sandbox.key), name = group.name,
                           groupPath = groupPath(sandbox.key, group.name)] {
        emitGone(bus, groupPath, kGroupInterface);
        sd_bus_emit_signal(bus, path.c_str(), kSandboxInterface, "GroupRemoved", "so", name.c_str(), groupPath.c_str());
    });
    emitChanged(sandbox, "Groups");
}

} // namespace scopewright::api
