// SPDX-License-Identifier: LGPL-2.1-or-later
#include "api/manager_object.h"

#include "api/describe.h"
#include "api/getter.h"
#include "api/parsed.h"
#include "api/paths.h"
#include "bus/codec.h"
#include "bus/handler.h"
#include "limits/explain.h"
#include "sandbox/process.h"

#include <algorithm>
#include <exception>
#include <optional>

namespace scopewright::api {

namespace {

bus::Message createdReply(const bus::Message& call, const sandbox::Sandbox& sandbox) {
    return bus::methodReturn(call, bus::ObjectPath{sandboxPath(sandbox.key)}, sandbox.unit, sandbox.controlGroup);
}

/// The sandbox a call names in its first argument, if the caller may know of it.
sandbox::Key keyIn(const bus::Message& call, const bus::Caller& caller) {
    const auto [id] = bus::unpack<std::string>(call);
    return sandbox::keyOf(id, caller.uid);
}

/// A new sandbox is its maker's.
sandbox::Key newKey(const std::string& id, const bus::Caller& caller) {
    const sandbox::Key key = sandbox::keyOf(id, caller.uid);
    if (key.id != id) throw Error(ErrorCode::InvalidArgument, "sandbox id " + quoted(id) + " has a colon");
    return key;
}

} // namespace

async::Task<bus::Message> ManagerObject::createSandbox(bus::Message call) {
    bus::Caller caller = co_await context_.caller(call);
    const auto [id, properties, flags] = bus::unpack<std::string, Properties, std::uint64_t>(call);
    const auto parse = [&, &id = id, &properties = properties, &flags = flags] {
        if (std::ranges::find(properties, "PIDs", &Property::name) != properties.end()) requireSamePids(caller);
        return sandbox::parseSandbox(newKey(id, caller), properties, flags, context_.config);
    };
    Parsed parsed(parse);
    const std::string unit = sandbox::defaultUnit(sandbox::Key{caller.uid, printable(id)});
    auth::Details details = parsed.details(id, unit, config::userSlice(context_.config, caller.uid));
    co_await context_.require(call, caller, kCreate, std::move(details));
    sandbox::SandboxSpec spec = parsed.take();
    sandbox::openProcesses(spec, properties);
    requireSameUsers(caller, spec.processes);
    sandbox::Key key = co_await context_.sandboxes.create(std::move(spec));
    co_return createdReply(call, context_.sandboxes.registry().at(key));
}

async::Task<bus::Message> ManagerObject::adoptSandbox(bus::Message call) {
    bus::Caller caller = co_await context_.caller(call);
    const auto [id, unit, properties, flags] = bus::unpack<std::string, std::string, Properties, std::uint64_t>(call);
    const auto parse = [&, &id = id, &unit = unit, &properties = properties, &flags = flags] {
        return sandbox::parseAdoption(newKey(id, caller), unit, properties, flags, context_.config);
    };
    Parsed parsed(parse);
    co_await context_.require(call, caller, kAdopt, parsed.details(id));
    sandbox::Key key = co_await context_.sandboxes.adopt(parsed.take());
    const sandbox::Sandbox& sandbox = context_.sandboxes.registry().at(key);
    co_return bus::methodReturn(call, bus::ObjectPath{sandboxPath(key)}, sandbox.controlGroup);
}

async::Task<bus::Message> ManagerObject::attachProcesses(bus::Message call) {
    return attach<std::vector<std::uint32_t>>(std::move(call), "PIDs");
}

async::Task<bus::Message> ManagerObject::attachProcessFds(bus::Message call) {
    return attach<BorrowedFds>(std::move(call), "PIDFDs");
}

template <class Handles>
async::Task<bus::Message> ManagerObject::attach(bus::Message call, const char* property) {
    bus::Caller caller = co_await context_.caller(call);
    const auto [id, group, handles] = bus::unpack<std::string, std::string, Handles>(call);
    const sandbox::Key key = sandbox::keyOf(id, caller.uid);
    co_await context_.reach(call, caller, key, kManage);
    context_.attach(key, group, Property{property, handles}, caller);
    co_return bus::methodReturn(call);
}

async::Task<bus::Message> ManagerObject::freezeSandbox(bus::Message call) {
    return carryOut(std::move(call), &sandbox::Sandboxes::freeze);
}

async::Task<bus::Message> ManagerObject::thawSandbox(bus::Message call) {
    return carryOut(std::move(call), &sandbox::Sandboxes::thaw);
}

async::Task<bus::Message> ManagerObject::stopSandbox(bus::Message call) {
    return carryOut(std::move(call), &sandbox::Sandboxes::stop);
}

async::Task<bus::Message> ManagerObject::carryOut(bus::Message call, Context::Verb verb) {
    bus::Caller caller = co_await context_.caller(call);
    bus::Message reply = co_await context_.carryOut(call, caller, keyIn(call, caller), verb);
    co_return reply;
}

async::Task<bus::Message> ManagerObject::getSandbox(bus::Message call) {
    bus::Caller caller = co_await context_.caller(call);
    const sandbox::Key key = keyIn(call, caller);
    co_await context_.reach(call, caller, key, kInspect);
    co_return bus::methodReturn(call, bus::ObjectPath(sandboxPath(key)));
}

/// The sandbox to which a process belongs. Whether it belongs to another owner's is not to be learnt.
async::Task<sandbox::Key> ManagerObject::holderOf(bus::Message call, bus::Caller caller, sandbox::Process process) {
    const sandbox::Registry& registry = context_.sandboxes.registry();
    const sandbox::Sandbox* found = registry.containing(process.controlGroup());
    bool allowed = found && sandbox::mayManage(caller.uid, found->key.uid);
    if (!allowed) {
        allowed = co_await context_.mayReachAll(call, caller, kInspect);
        found = registry.containing(process.controlGroup());
    }
    if (!found || !allowed)
        throw Error(ErrorCode::NoSuchSandbox,
                    "process " + std::to_string(process.pid()) + " does not belong to a sandbox");
    co_return found->key;
}

async::Task<bus::Message> ManagerObject::getSandboxByPid(bus::Message call) {
    bus::Caller caller = co_await context_.caller(call);
    const auto [pid] = bus::unpack<std::uint32_t>(call);
    if (pid != 0) requireSamePids(caller);
    // As in machined: 0 is the caller itself.
    const std::uint32_t number = pid == 0 ? static_cast<std::uint32_t>(caller.pid) : pid;
    sandbox::Process process = sandbox::Process::byNumber(number);
    sandbox::Key key = co_await holderOf(call, caller, std::move(process));
    co_return bus::methodReturn(call, bus::ObjectPath(sandboxPath(key)));
}

async::Task<bus::Message> ManagerObject::getSandboxByPidFd(bus::Message call) {
    bus::Caller caller = co_await context_.caller(call);
    int fd = -1;
    bus::check(sd_bus_message_read_basic(call.raw(), 'h', &fd), "read a pidfd");
    sandbox::Process process = sandbox::Process::byFd(fd);
    sandbox::Key key = co_await holderOf(call, caller, std::move(process));
    co_return bus::methodReturn(call, bus::ObjectPath(sandboxPath(key)));
}

async::Task<bus::Message> ManagerObject::listSandboxes(bus::Message call) {
    bus::Caller caller = co_await context_.caller(call);
    bool all = co_await context_.mayReachAll(call, caller, kInspect);
    bus::Message reply = bus::methodReturn(call);
    sd_bus_message* m = reply.raw();
    bus::check(sd_bus_message_open_container(m, 'a', "(ssuo)"), "append a list");
    for (const auto& [key, sandbox] : context_.sandboxes.registry().all())
        if (all || key.uid == caller.uid)
            bus::check(sd_bus_message_append(m, "(ssuo)", key.id.c_str(), sandbox.unit.c_str(), key.uid,
                                             sandboxPath(key).c_str()),
                       "append a list");
    bus::check(sd_bus_message_close_container(m), "append a list");
    co_return reply;
}

async::Task<bus::Message> ManagerObject::createGroup(bus::Message call) {
    return create(std::move(call), sandbox::kProcess);
}

async::Task<bus::Message> ManagerObject::createCompatGroup(bus::Message call) {
    return create(std::move(call), sandbox::kCompat);
}

async::Task<bus::Message> ManagerObject::updateSandbox(bus::Message call) {
    bus::Caller caller = co_await context_.caller(call);
    const auto [id, resources] = bus::unpack<std::string, Properties>(call);
    const sandbox::Key key = sandbox::keyOf(id, caller.uid);
    co_await context_.reach(call, caller, key, kManage);
    co_await context_.sandboxes.enforcer().update(key, sandbox::parseUpdate(resources, context_.config));
    co_return bus::methodReturn(call);
}

async::Task<bus::Message> ManagerObject::updateGroup(bus::Message call) {
    bus::Caller caller = co_await context_.caller(call);
    const auto [id, name, resources] = bus::unpack<std::string, std::string, Properties>(call);
    const sandbox::Key key = sandbox::keyOf(id, caller.uid);
    co_await context_.reach(call, caller, key, kManage);
    context_.sandboxes.enforcer().updateGroup(key, name, sandbox::parseUpdate(resources, context_.config));
    co_return bus::methodReturn(call);
}

async::Task<bus::Message> ManagerObject::explain(bus::Message call) {
    const auto [request, flags] = bus::unpack<Properties, std::uint64_t>(call);
    sandbox::checkFlags(flags);
    sandbox::checkShape(request, context_.config);
    const limits::Context context = context_.sandboxes.enforcer().planningContext(limits::readable(request));
    bus::Message reply = bus::methodReturn(call);
    sd_bus_message* m = reply.raw();
    bus::check(sd_bus_message_open_container(m, 'a', "(sssss)"), "append rows");
    for (const limits::ExplainRow& row : limits::explain(request, context))
        bus::check(sd_bus_message_append(m, "(sssss)", row.key.c_str(), row.target.c_str(), row.value.c_str(),
                                         row.verdict.c_str(), row.reason.c_str()),
                   "append rows");
    bus::check(sd_bus_message_close_container(m), "append rows");
    co_return reply;
}

async::Task<bus::Message> ManagerObject::create(bus::Message call, const char* kind) {
    bus::Caller caller = co_await context_.caller(call);
    const auto [id, name, properties, flags] = bus::unpack<std::string, std::string, Properties, std::uint64_t>(call);
    const sandbox::Key key = sandbox::keyOf(id, caller.uid);
    co_await context_.reach(call, caller, key, kManage);
    const sandbox::GroupSpec spec = sandbox::parseGroup(kind, key, name, properties, flags, context_.config);
    const sandbox::Group& group = context_.sandboxes.createGroup(key, spec, caller.uid);
    co_return bus::methodReturn(call, bus::ObjectPath(groupPath(key, group.name)), group.controlGroup);
}

async::Task<bus::Message> ManagerObject::removeGroup(bus::Message call) {
    bus::Caller caller = co_await context_.caller(call);
    const auto [id, name] = bus::unpack<std::string, std::string>(call);
    const sandbox::Key key = sandbox::keyOf(id, caller.uid);
    co_await context_.reach(call, caller, key, kManage);
    co_await context_.sandboxes.removeGroup(key, name);
    co_return bus::methodReturn(call);
}

async::Task<bus::Message> ManagerObject::listGroups(bus::Message call) {
    bus::Caller caller = co_await context_.caller(call);
    const sandbox::Key key = keyIn(call, caller);
    const sandbox::Sandbox* sandbox = co_await context_.reach(call, caller, key, kInspect);
    bus::Message reply = bus::methodReturn(call);
    sd_bus_message* m = reply.raw();
    bus::check(sd_bus_message_open_container(m, 'a', "(sss)"), "append a list");
    for (const auto& [name, group] : sandbox->groups)
        bus::check(sd_bus_message_append(m, "(sss)", name.c_str(), group.kind.c_str(), group.controlGroup.c_str()),
                   "append a list");
    bus::check(sd_bus_message_close_container(m), "append a list");
    co_return reply;
}

async::Task<bus::Message> ManagerObject::killSandbox(bus::Message call) {
    bus::Caller caller = co_await context_.caller(call);
    const auto [id, signal] = bus::unpack<std::string, std::int32_t>(call);
    const sandbox::Key key = sandbox::keyOf(id, caller.uid);
    co_await context_.reach(call, caller, key, kManage);
    co_await context_.sandboxes.kill(key, signal, caller.uid);
    co_return bus::methodReturn(call);
}

async::Task<bus::Message> ManagerObject::describe(bus::Message call) {
    bus::Caller caller = co_await context_.caller(call);
    bool all = co_await context_.mayReachAll(call, caller, kInspect);
    std::vector<sandbox::Key> keys;
    for (const auto& [key, sandbox] : context_.sandboxes.registry().all())
        if (all || key.uid == caller.uid) keys.push_back(key);
    const sandbox::Enforcer::Overrides overrides = co_await context_.sandboxes.enforcer().allOverrides(keys);
    co_return bus::methodReturn(call, api::describe(context_, keys, overrides));
}

async::Task<bus::Message> ManagerObject::reload(bus::Message call) {
    bus::Caller caller = co_await context_.caller(call);
    auth::Details details;
    co_await context_.require(call, caller, kReload, std::move(details));
    reload_();
    co_return bus::methodReturn(call);
}

struct ManagerTable {
    static int version(sd_bus_message* reply, const ManagerObject&) {
        return sd_bus_message_append(reply, "s", SCOPEWRIGHT_VERSION);
    }
    static int systemdVersion(sd_bus_message* reply, const ManagerObject& object) {
        return sd_bus_message_append(reply, "u", object.context().systemdVersion);
    }
    static int cgroupMode(sd_bus_message* reply, const ManagerObject&) {
        return sd_bus_message_append(reply, "s", "unified");
    }
    static int controllers(sd_bus_message* reply, const ManagerObject& object) {
        bus::append(reply, object.context().sandboxes.controllers());
        return 0;
    }
    static int features(sd_bus_message* reply, const ManagerObject& object) {
        bus::append(reply, api::features(object.context().systemdVersion));
        return 0;
    }

    static int remains(sd_bus_message* reply, const ManagerObject& object) {
        return sd_bus_message_append(reply, "t", object.context().sandboxes.remains());
    }

    static constexpr std::uint64_t kConst = SD_BUS_VTABLE_PROPERTY_CONST;
    static constexpr std::uint64_t kOpen = SD_BUS_VTABLE_UNPRIVILEGED;
    using Manager = ManagerObject;

    // clang-format off
    static constexpr sd_bus_vtable kTable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Version", "s", (get<Manager, version>), 0, kConst),
        SD_BUS_PROPERTY("SystemdVersion", "u", (get<Manager, systemdVersion>), 0, kConst),
        SD_BUS_PROPERTY("CgroupMode", "s", (get<Manager, cgroupMode>), 0, kConst),
        SD_BUS_PROPERTY("Controllers", "as", (get<Manager, controllers>), 0, 0),
        SD_BUS_PROPERTY("Features", "as", (get<Manager, features>), 0, kConst),
        SD_BUS_PROPERTY("Remains", "t", (get<Manager, remains>), 0, SD_BUS_VTABLE_PROPERTY_EXPLICIT),
        SD_BUS_METHOD_WITH_ARGS("CreateSandbox", SD_BUS_ARGS("s", id, "a(sv)", properties, "t", flags),
            SD_BUS_RESULT("o", sandbox, "s", unit, "s", control_group), bus::handle<&Manager::createSandbox>, kOpen),
        SD_BUS_METHOD_WITH_ARGS("AdoptSandbox", SD_BUS_ARGS("s", id, "s", unit, "a(sv)", properties, "t", flags),
            SD_BUS_RESULT("o", sandbox, "s", control_group), bus::handle<&Manager::adoptSandbox>, kOpen),
        SD_BUS_METHOD_WITH_ARGS("GetSandbox", SD_BUS_ARGS("s", id), SD_BUS_RESULT("o", sandbox),
            bus::handle<&Manager::getSandbox>, kOpen),
        SD_BUS_METHOD_WITH_ARGS("GetSandboxByPID", SD_BUS_ARGS("u", pid), SD_BUS_RESULT("o", sandbox),
            bus::handle<&Manager::getSandboxByPid>, kOpen),
        SD_BUS_METHOD_WITH_ARGS("GetSandboxByPIDFD", SD_BUS_ARGS("h", pidfd), SD_BUS_RESULT("o", sandbox),
            bus::handle<&Manager::getSandboxByPidFd>, kOpen),
        SD_BUS_METHOD_WITH_ARGS("ListSandboxes", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(ssuo)", sandboxes),
            bus::handle<&Manager::listSandboxes>, kOpen),
        SD_BUS_METHOD_WITH_ARGS("CreateGroup",
            SD_BUS_ARGS("s", sandbox_id, "s", name, "a(sv)", properties, "t", flags),
            SD_BUS_RESULT("o", group, "s", control_group), bus::handle<&Manager::createGroup>, kOpen),
        SD_BUS_METHOD_WITH_ARGS("CreateCompatGroup",
            SD_BUS_ARGS("s", sandbox_id, "s", name, "a(sv)", properties, "t", flags),
            SD_BUS_RESULT("o", group, "s", control_group), bus::handle<&Manager::createCompatGroup>, kOpen),
        SD_BUS_METHOD_WITH_ARGS("RemoveGroup", SD_BUS_ARGS("s", sandbox_id, "s", name), SD_BUS_NO_RESULT,
            bus::handle<&Manager::removeGroup>, kOpen),
        SD_BUS_METHOD_WITH_ARGS("ListGroups", SD_BUS_ARGS("s", sandbox_id), SD_BUS_RESULT("a(sss)", groups),
            bus::handle<&Manager::listGroups>, kOpen),
        SD_BUS_METHOD_WITH_ARGS("UpdateSandbox", SD_BUS_ARGS("s", sandbox_id, "a(sv)", resources), SD_BUS_NO_RESULT,
            bus::handle<&Manager::updateSandbox>, kOpen),
        SD_BUS_METHOD_WITH_ARGS("UpdateGroup", SD_BUS_ARGS("s", sandbox_id, "s", name, "a(sv)", resources),
            SD_BUS_NO_RESULT, bus::handle<&Manager::updateGroup>, kOpen),
        SD_BUS_METHOD_WITH_ARGS("Explain", SD_BUS_ARGS("a(sv)", resources, "t", flags),
            SD_BUS_RESULT("a(sssss)", rows), bus::handle<&Manager::explain>, kOpen),
        SD_BUS_METHOD_WITH_ARGS("AttachProcesses", SD_BUS_ARGS("s", sandbox_id, "s", group, "au", pids),
            SD_BUS_NO_RESULT, bus::handle<&Manager::attachProcesses>, kOpen),
        SD_BUS_METHOD_WITH_ARGS("AttachProcessFDs", SD_BUS_ARGS("s", sandbox_id, "s", group, "ah", pidfds),
            SD_BUS_NO_RESULT, bus::handle<&Manager::attachProcessFds>, kOpen),
        SD_BUS_METHOD_WITH_ARGS("FreezeSandbox", SD_BUS_ARGS("s", id), SD_BUS_NO_RESULT,
            bus::handle<&Manager::freezeSandbox>, kOpen),
        SD_BUS_METHOD_WITH_ARGS("ThawSandbox", SD_BUS_ARGS("s", id), SD_BUS_NO_RESULT,
            bus::handle<&Manager::thawSandbox>, kOpen),
        SD_BUS_METHOD_WITH_ARGS("KillSandbox", SD_BUS_ARGS("s", id, "i", signal), SD_BUS_NO_RESULT,
            bus::handle<&Manager::killSandbox>, kOpen),
        SD_BUS_METHOD_WITH_ARGS("StopSandbox", SD_BUS_ARGS("s", id), SD_BUS_NO_RESULT,
            bus::handle<&Manager::stopSandbox>, kOpen),
        SD_BUS_METHOD_WITH_ARGS("Describe", SD_BUS_NO_ARGS, SD_BUS_RESULT("s", json),
            bus::handle<&Manager::describe>, kOpen),
        SD_BUS_METHOD_WITH_ARGS("Reload", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, bus::handle<&Manager::reload>, kOpen),
        SD_BUS_SIGNAL_WITH_ARGS("SandboxNew", SD_BUS_ARGS("s", id, "o", sandbox), 0),
        SD_BUS_SIGNAL_WITH_ARGS("SandboxRemoved", SD_BUS_ARGS("s", id, "o", sandbox), 0),
        SD_BUS_VTABLE_END,
    };
    // clang-format on
};

const sd_bus_vtable* managerTable() {
    return ManagerTable::kTable;
}

ManagerObject::ManagerObject(Context& context, std::function<void()> reload)
    : context_(context), reload_(std::move(reload)) {
    sd_bus_slot* slot = nullptr;
    bus::check(sd_bus_add_object_vtable(context_.connection.raw(), &slot, kManagerPath, kManagerInterface,
                                        ManagerTable::kTable, this),
               "publish the manager object");
    slot_.reset(slot);
}

void ManagerObject::emitNew(const sandbox::Sandbox& sandbox) const {
    tell("SandboxNew", sandbox);
}

void ManagerObject::emitRemoved(const sandbox::Sandbox& sandbox) const {
    tell("SandboxRemoved", sandbox);
}

void ManagerObject::tell(const char* signal, const sandbox::Sandbox& sandbox) const {
    context_.changes.tell(
        [bus = context_.connection.raw(), signal, id = sandbox.key.id, path = sandboxPath(sandbox.key)] {
            sd_bus_emit_signal(bus, kManagerPath, kManagerInterface, signal, "so", id.c_str(), path.c_str());
        });
}

} // namespace scopewright::api
