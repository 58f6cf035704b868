// SPDX-License-Identifier: LGPL-2.1-or-later
// What the objects on the bus share: the registry behind them, and who is calling.
#pragma once

#include "api/changes.h"
#include "async/scope.h"
#include "base/error.h"
#include "bus/client.h"
#include "config/config.h"
#include "sandbox/policy.h"
#include "sandbox/sandboxes.h"

#include <optional>
#include <string>

namespace scopewright::api {

/// NotSupported unless numbers of processes mean the same to the caller as here.
void requireSamePids(const bus::Caller& caller);

struct Context {
    bus::Connection& connection;
    bus::Callers& callers;
    async::Scope& operations;
    sandbox::Sandboxes& sandboxes;
    Changes& changes;
    const config::Config& config;
    unsigned systemdVersion;

    /// Who calls; AccessDenied if the bus does not know.
    async::Task<bus::Caller> caller(const bus::Message& call) const { return callers.identify(call); }

    /// Whether the sender of the message that is being answered may know of the sandbox. sd-bus answers questions about
    /// properties and children by itself, so this cannot wait; Service has made the sender known before. What is sent
    /// without being asked, signals, is for whom the bus lets listen.
    bool mayLookAt(const sandbox::Key& key) const {
        sd_bus_message* question = sd_bus_get_current_message(connection.raw());
        if (!question || sd_bus_message_is_method_call(question, nullptr, nullptr) <= 0) return true;
        const std::optional<bus::Caller> asker = callers.known(sd_bus_message_get_sender(question));
        return asker && sandbox::mayManage(asker->uid, key.uid);
    }

    /// The sandbox, for a caller who may know of it. For others it does not exist.
    const sandbox::Sandbox& visible(const sandbox::Key& key, const bus::Caller& caller) const {
        if (!sandbox::mayManage(caller.uid, key.uid))
            throw Error(ErrorCode::NoSuchSandbox, "there is no sandbox " + quoted(sandbox::label(key)));
        return sandboxes.registry().at(key);
    }

    /// `processes` by number or by pidfd.
    void attach(const sandbox::Key& key, const std::string& group, const Property& processes,
                const bus::Caller& caller) const {
        if (processes.name == "PIDs") requireSamePids(caller);
        sandboxes.attach(key, group, sandbox::parseProcesses(processes, config), caller.uid);
    }
};

} // namespace scopewright::api
