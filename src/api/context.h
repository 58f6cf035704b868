// SPDX-License-Identifier: LGPL-2.1-or-later
// What the objects on the bus share: the registry behind them, who is calling, and what that one may do.
#pragma once

#include "api/changes.h"
#include "async/scope.h"
#include "auth/polkit.h"
#include "base/error.h"
#include "bus/client.h"
#include "bus/lines.h"
#include "config/config.h"
#include "sandbox/policy.h"
#include "sandbox/sandboxes.h"

#include <optional>
#include <string>

namespace scopewright::api {

/// polkit's actions, of which root needs none and an owner only the first.
inline constexpr const char* kCreate = "org.scopewright1.create-sandbox";
inline constexpr const char* kManage = "org.scopewright1.manage-sandboxes";
inline constexpr const char* kAdopt = "org.scopewright1.adopt";
inline constexpr const char* kInspect = "org.scopewright1.inspect";
inline constexpr const char* kReload = "org.scopewright1.reload";

struct Context {
    bus::Connection& connection;
    bus::Callers& callers;
    async::Scope& operations;
    sandbox::Sandboxes& sandboxes;
    Changes& changes;
    auth::Polkit& polkit;
    const config::Config& config;
    unsigned systemdVersion;

    /// LimitsExceeded if the caller, or its user, waits for too many answers already.
    bus::Callers::Ticket admit(const bus::Message& call) const;

    /// Who calls; AccessDenied if the bus does not know.
    async::Task<bus::Caller> caller(const bus::Message& call) const { return callers.identify(call); }

    /// Returns if the caller is root or polkit lets it; else AccessDenied, or InteractiveAuthorizationRequired if its
    /// user could be asked. What is to be done must be fixed before, and looked at again afterwards.
    async::Task<void> require(bus::Message call, bus::Caller caller, const char* action, auth::Details details) const;

    /// Whether root, or polkit by `action`, lets the caller see or change what others own.
    async::Task<bool> mayReachAll(bus::Message call, bus::Caller caller, const char* action) const;

    /// Returns the sandbox, for its owner, for root, and for whom polkit allows `action`. For others it does not exist,
    /// and whether it does cannot be told from the time it takes.
    async::Task<const sandbox::Sandbox*> reach(bus::Message call, bus::Caller caller, sandbox::Key key,
                                               const char* action) const;

    /// Has the sandbox go through a verb that needs no more than its name, and answers.
    using Verb = async::Task<void> (sandbox::Sandboxes::*)(sandbox::Key);
    async::Task<bus::Message> carryOut(bus::Message call, bus::Caller caller, sandbox::Key key, Verb verb) const;

    /// Whether the sender of the message that is being answered may know of the sandbox. sd-bus answers questions about
    /// properties and children by itself, so this cannot wait; Service has made the sender known before. What is sent
    /// without being asked, signals, is for whom the bus lets listen.
    bool mayLookAt(const sandbox::Key& key) const;

    /// Whether the message that is being answered calls a method of `interface`.
    bool isOwnCall(const char* interface) const;

    /// `processes` by number or by pidfd.
    void attach(const sandbox::Key& key, const std::string& group, const Property& processes,
                const bus::Caller& caller) const;

private:
    async::Task<auth::Verdict> ask(bus::Message call, uid_t user, const char* action, auth::Details details) const;
};

/// How many calls of that user may wait for their answers, over all connections, and how many answers the user may
/// have.
bus::Lines::Bounds boundsOf(uid_t user, const config::Config& config);

/// NotSupported unless numbers of processes mean the same to the caller as here.
void requireSamePids(const bus::Caller& caller);

/// AccessDenied unless uids mean the same to the processes as to the caller; root may have all moved.
void requireSameUsers(const bus::Caller& caller, const sandbox::Processes& processes);

} // namespace scopewright::api
