// SPDX-License-Identifier: LGPL-2.1-or-later
#include "api/context.h"

#include "bus/codec.h"
#include "sandbox/process.h"

namespace scopewright::api {

namespace {

std::string senderOf(const bus::Message& call) {
    const char* sender = sd_bus_message_get_sender(call.raw());
    return sender ? sender : "";
}

bool isInteractive(const bus::Message& call) {
    return sd_bus_message_get_allow_interactive_authorization(call.raw()) > 0;
}

} // namespace

bus::Callers::Ticket Context::admit(const bus::Message& call) const {
    const std::optional<bus::Caller> caller = callers.known(sd_bus_message_get_sender(call.raw()));
    return callers.admit(call, config.callsPerClient, caller ? boundsOf(caller->uid, config).waiting : SIZE_MAX);
}

async::Task<auth::Verdict> Context::ask(bus::Message call, uid_t user, const char* action,
                                        auth::Details details) const {
    return polkit.check(senderOf(call), user, action, std::move(details), isInteractive(call));
}

async::Task<void> Context::require(bus::Message call, bus::Caller caller, const char* action,
                                   auth::Details details) const {
    if (sandbox::isAdministrator(caller.uid)) co_return;
    auth::Verdict verdict = co_await ask(call, caller.uid, action, std::move(details));
    if (verdict == auth::Verdict::Yes) co_return;
    const bool challenge = verdict == auth::Verdict::Challenge;
    throw Error(challenge ? ErrorCode::InteractiveAuthorizationRequired : ErrorCode::AccessDenied,
                "uid " + std::to_string(caller.uid) + " may not do that: polkit's " + action + " is not allowed" +
                    (challenge ? " without asking" : ""));
}

async::Task<bool> Context::mayReachAll(bus::Message call, bus::Caller caller, const char* action) const {
    if (sandbox::isAdministrator(caller.uid)) co_return true;
    auth::Details details;
    auth::Verdict verdict = co_await ask(call, caller.uid, action, std::move(details));
    co_return verdict == auth::Verdict::Yes;
}

async::Task<const sandbox::Sandbox*> Context::reach(bus::Message call, bus::Caller caller, sandbox::Key key,
                                                    const char* action) const {
    bool allowed = sandbox::mayManage(caller.uid, key.uid);
    if (!allowed) {
        const sandbox::Registry& registry = sandboxes.registry();
        const auto known = registry.all().find(key);
        const bool exists = known != registry.all().end();
        const std::uint64_t serial = exists ? known->second.serial : 0;
        auth::Details details{{"id", key.id},
                              {"owner", std::to_string(key.uid)},
                              {"unit", exists ? known->second.unit : ""},
                              {"slice", exists ? known->second.slice : ""}};
        auth::Verdict verdict = co_await ask(call, caller.uid, action, std::move(details));
        // The answer is about the sandbox that was there when the question was asked.
        const auto now = registry.all().find(key);
        allowed = verdict == auth::Verdict::Yes && now != registry.all().end() && now->second.serial == serial;
    }
    if (!allowed) throw Error(ErrorCode::NoSuchSandbox, "there is no sandbox " + quoted(sandbox::label(key)));
    co_return &sandboxes.registry().at(key);
}

async::Task<bus::Message> Context::carryOut(bus::Message call, bus::Caller caller, sandbox::Key key, Verb verb) const {
    co_await reach(call, caller, key, kManage);
    co_await (sandboxes.*verb)(key);
    co_return bus::methodReturn(call);
}

bool Context::mayLookAt(const sandbox::Key& key) const {
    sd_bus_message* question = sd_bus_get_current_message(connection.raw());
    if (!question || sd_bus_message_is_method_call(question, nullptr, nullptr) <= 0) return true;
    const std::optional<bus::Caller> asker = callers.known(sd_bus_message_get_sender(question));
    return asker && sandbox::mayManage(asker->uid, key.uid);
}

bool Context::isOwnCall(const char* interface) const {
    sd_bus_message* question = sd_bus_get_current_message(connection.raw());
    return question && sd_bus_message_is_method_call(question, interface, nullptr) > 0;
}

void Context::attach(const sandbox::Key& key, const std::string& group, const Property& processes,
                     const bus::Caller& caller) const {
    if (processes.name == "PIDs") requireSamePids(caller);
    sandbox::Processes parsed = sandbox::parseProcesses(processes, config);
    requireSameUsers(caller, parsed);
    sandboxes.attach(key, group, std::move(parsed), caller.uid);
}

bus::Lines::Bounds boundsOf(uid_t user, const config::Config& config) {
    if (sandbox::isAdministrator(user)) return bus::Lines::Bounds{SIZE_MAX, 0, 0};
    return bus::Lines::Bounds{config.callsPerUser, config.callsPerSecond, config.callsPerUser};
}

void requireSamePids(const bus::Caller& caller) {
    // A no may have been for want of a descriptor.
    if (!caller.sharesPids && !sandbox::sharesPidNamespace(caller.pid))
        throw Error(ErrorCode::NotSupported,
                    "the caller does not live in this daemon's pid namespace: its process numbers mean other "
                    "processes here; pidfds do not");
}

void requireSameUsers(const bus::Caller& caller, const sandbox::Processes& processes) {
    if (sandbox::isAdministrator(caller.uid)) return;
    for (const sandbox::Process& process : processes)
        process.checkUserNamespaceOf(caller.pid);
}

} // namespace scopewright::api
