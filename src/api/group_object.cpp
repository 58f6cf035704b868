// SPDX-License-Identifier: LGPL-2.1-or-later
#include "api/group_object.h"

#include "api/getter.h"
#include "api/paths.h"
#include "bus/codec.h"
#include "bus/handler.h"

namespace scopewright::api {

namespace {

/// The group in the path of a call.
GroupAddress addressIn(const bus::Message& call) {
    const std::optional<GroupAddress> address = parseGroupPath(sd_bus_message_get_path(call.raw()));
    if (!address) throw Error(ErrorCode::NoSuchGroup, "the object is not a group");
    return *address;
}

} // namespace

const sandbox::Group* GroupObject::find(const char* path) const {
    const std::optional<GroupAddress> address = parseGroupPath(path);
    if (!address) return nullptr;
    const auto sandbox = context_.sandboxes.registry().all().find(address->key);
    if (sandbox == context_.sandboxes.registry().all().end() || !context_.mayLookAt(address->key)) return nullptr;
    const auto group = sandbox->second.groups.find(address->group);
    return group == sandbox->second.groups.end() ? nullptr : &group->second;
}

async::Task<bus::Message> GroupObject::remove(bus::Message call) {
    bus::Caller caller = co_await context_.caller(call);
    const GroupAddress address = addressIn(call);
    co_await context_.reach(call, caller, address.key, kManage);
    co_await context_.sandboxes.removeGroup(address.key, address.group);
    co_return bus::methodReturn(call);
}

async::Task<bus::Message> GroupObject::update(bus::Message call) {
    bus::Caller caller = co_await context_.caller(call);
    const GroupAddress address = addressIn(call);
    co_await context_.reach(call, caller, address.key, kManage);
    const auto [resources] = bus::unpack<Properties>(call);
    context_.sandboxes.enforcer().updateGroup(address.key, address.group,
                                              sandbox::parseUpdate(resources, context_.config));
    co_return bus::methodReturn(call);
}

async::Task<bus::Message> GroupObject::openDirectory(bus::Message call) {
    bus::Caller caller = co_await context_.caller(call);
    const GroupAddress address = addressIn(call);
    co_await context_.reach(call, caller, address.key, kManage);
    const UniqueFd place = context_.sandboxes.openDirectory(address.key, address.group);
    bus::Message reply = bus::methodReturn(call);
    // The message keeps a copy.
    bus::check(sd_bus_message_append(reply.raw(), "h", place.value()), "append a descriptor");
    co_return reply;
}

void GroupObject::emitChanged(const sandbox::Sandbox& sandbox, const sandbox::Group& group) const {
    for (const char* property : {"Resources", "Skipped"})
        context_.changes.add(groupPath(sandbox.key, group.name), kGroupInterface, property);
}

struct GroupTable {
    static int findObject(sd_bus*, const char* path, const char*, void* userdata, void** found,
                          sd_bus_error* error) noexcept {
        const std::optional<GroupAddress> address = parseGroupPath(path);
        if (!address) return 0;
        GroupObject& self = *static_cast<GroupObject*>(userdata);
        // Our own methods ask for themselves who may call them, which can take its time.
        if (!self.context_.isOwnCall(kGroupInterface) && !self.find(path)) {
            const bool sandbox = self.context_.sandboxes.registry().all().contains(address->key) &&
                                 self.context_.mayLookAt(address->key);
            const ErrorCode code = sandbox ? ErrorCode::NoSuchGroup : ErrorCode::NoSuchSandbox;
            return sd_bus_error_setf(error, std::string(dbusName(code)).c_str(), "there is no group '%s' in '%s'",
                                     printable(address->group).c_str(), sandbox::label(address->key).c_str());
        }
        *found = userdata;
        return 1;
    }

    template <auto kGetter>
    static int get(sd_bus*, const char* path, const char*, const char*, sd_bus_message* reply, void* userdata,
                   sd_bus_error*) noexcept {
        const sandbox::Group* group = static_cast<const GroupObject*>(userdata)->find(path);
        if (!group) return -ENOENT;
        try {
            kGetter(reply, *group);
            return 0;
        } catch (const std::exception&) {
            return -EIO;
        }
    }

    static void name(sd_bus_message* m, const sandbox::Group& g) { bus::append(m, g.name); }
    static void kind(sd_bus_message* m, const sandbox::Group& g) { bus::append(m, g.kind); }
    static void controlGroup(sd_bus_message* m, const sandbox::Group& g) { bus::append(m, g.controlGroup); }
    static void resources(sd_bus_message* m, const sandbox::Group& g) {
        bus::appendDictionary(m, limits::toProperties(g.resources));
    }
    static void skipped(sd_bus_message* m, const sandbox::Group& g) { appendSkips(m, g.skipped); }

    static constexpr std::uint64_t kConst = SD_BUS_VTABLE_PROPERTY_CONST;
    static constexpr std::uint64_t kChanges = SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE;

    // clang-format off
    static constexpr sd_bus_vtable kTable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Name", "s", get<name>, 0, kConst),
        SD_BUS_PROPERTY("Kind", "s", get<kind>, 0, kConst),
        SD_BUS_PROPERTY("ControlGroup", "s", get<controlGroup>, 0, kConst),
        SD_BUS_PROPERTY("Resources", "a{sv}", get<resources>, 0, kChanges),
        SD_BUS_PROPERTY("Skipped", "a(sss)", get<skipped>, 0, kChanges),
        SD_BUS_METHOD_WITH_ARGS("Update", SD_BUS_ARGS("a(sv)", resources), SD_BUS_NO_RESULT,
            bus::handle<&GroupObject::update>, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Remove", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, bus::handle<&GroupObject::remove>,
            SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("OpenDirectory", SD_BUS_NO_ARGS, SD_BUS_RESULT("h", directory),
            bus::handle<&GroupObject::openDirectory>, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
    };
    // clang-format on
};

const sd_bus_vtable* groupTable() {
    return GroupTable::kTable;
}

GroupObject::GroupObject(Context& context) : context_(context) {
    sd_bus_slot* slot = nullptr;
    bus::check(sd_bus_add_fallback_vtable(context_.connection.raw(), &slot, kSandboxPrefix, kGroupInterface,
                                          GroupTable::kTable, GroupTable::findObject, this),
               "publish the group objects");
    slot_.reset(slot);
}

} // namespace scopewright::api
