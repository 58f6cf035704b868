// SPDX-License-Identifier: LGPL-2.1-or-later
// What others have changed since it was put in force. Files that only we write get their values again; a unit property
// is an administrator's as soon as they have set it, and stays so until an update asks for another value.
#include "limits/drift.h"

#include "base/log.h"
#include "sandbox/apply.h"
#include "sandbox/enforcer.h"

#include <sys/epoll.h>

#include <exception>
#include <utility>

namespace scopewright::sandbox {

/// Runs as long as its daemon: waiting for what others do is no work.
async::Task<void> Enforcer::watchFiles() {
    constexpr std::chrono::hours kLong{1};
    const cgroup::Watch& watch = registry_.filesWatch();
    if (!watch) log::warning("what others write to control groups is seen after the next daemon-reload only");
    while (watch) {
        co_await bus::waitFor(host_.event, watch.fd(), EPOLLIN, kLong);
        for (const Key& key : registry_.written())
            if (Sandbox* sandbox = registry_.find(key)) restore(*sandbox);
    }
}

void Enforcer::restore(Sandbox& sandbox) {
    if (!sandbox.up() || !sandbox.underway.empty()) return;
    try {
        const std::optional<cgroup::Group> scope = host_.root.open(sandbox.controlGroup);
        const std::optional<cgroup::Group> payload = scope ? scope->child(kPayload) : std::nullopt;
        if (!payload) return;
        if (sandbox.resources != limits::Resources()) {
            const limits::ScopePlan plan = this->plan(sandbox.resources, false);
            passOn(host_.root, sandbox.controlGroup, plan.files);
            scope->enable(scope->controllers());
            restoreFiles(*scope, sandbox.controlGroup, plan.scopeFiles, sandbox.stubborn);
            restoreFiles(*payload, sandbox.controlGroup + "/" + kPayload, plan.files, sandbox.stubborn);
        }
        for (const auto& [name, group] : sandbox.groups) {
            if (name == kPayload || group.resources == limits::Resources()) continue;
            const std::optional<cgroup::Group> there = scope->child(directoryOf(group));
            if (there) restoreFiles(*there, group.controlGroup, groupFiles(group, groupRules()), sandbox.stubborn);
        }
    } catch (const std::exception& error) {
        log::warning("sandbox " + label(sandbox.key) + " could not be looked over: " + error.what());
    }
}

async::Task<std::vector<limits::Override>> Enforcer::overridesOf(Key key) {
    const std::string unit = registry_.at(key).unit;
    Properties shown = co_await host_.systemd.scopeProperties(unit);
    const limits::ScopePlan plan = this->plan(registry_.at(key).resources, false);
    co_return limits::overrides(plan.properties, shown);
}

async::Task<Enforcer::Overrides> Enforcer::allOverrides(std::vector<Key> keys) {
    Overrides all;
    for (const Key& key : keys) {
        const Sandbox* sandbox = registry_.find(key);
        if (!sandbox || !sandbox->up() || sandbox->resources == limits::Resources()) continue;
        try {
            std::vector<limits::Override> some = co_await overridesOf(key);
            if (!some.empty()) all.emplace(key, std::move(some));
        } catch (const Error& error) {
            log::debug("sandbox " + label(key) + ": PID 1 does not show its properties: " + error.what());
            if (error.code() != ErrorCode::NoSuchSandbox) break;
        }
    }
    co_return all;
}

} // namespace scopewright::sandbox
