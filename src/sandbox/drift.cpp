// SPDX-License-Identifier: LGPL-2.1-or-later
// What others have changed since it was put in force. Files that only we write get their values again; a unit property
// is an administrator's as soon as they have set it, and stays so until an update asks for another value.
#include "limits/drift.h"

#include "base/log.h"
#include "sandbox/apply.h"
#include "sandbox/sandboxes.h"

#include <sys/epoll.h>

#include <exception>
#include <utility>

namespace scopewright::sandbox {

/// Runs as long as this object: waiting for what others do is no work.
async::Task<void> Sandboxes::watchFiles() {
    constexpr std::chrono::hours kLong{1};
    if (!watch_) log::warning("what others write to control groups is seen after the next daemon-reload only");
    while (watch_) {
        co_await bus::waitFor(event_, watch_.fd(), EPOLLIN, kLong);
        const std::set<int> written = watch_.take();
        for (const auto& [number, key] : watched_)
            if (written.contains(number) || written.contains(cgroup::Watch::kAll))
                if (Sandbox* sandbox = find(key)) restore(*sandbox);
    }
}

/// Nothing to lose, nothing to watch.
void Sandboxes::watch(Sandbox& sandbox) {
    if (sandbox.watch >= 0 || sandbox.resources == limits::Resources()) return;
    const std::optional<cgroup::Group> scope = root_.open(sandbox.controlGroup);
    if (scope) sandbox.watch = watch_.add(*scope);
    if (sandbox.watch >= 0) watched_.insert_or_assign(sandbox.watch, sandbox.key);
}

void Sandboxes::unwatch(const Sandbox& sandbox) {
    if (sandbox.watch < 0) return;
    watched_.erase(sandbox.watch);
    watch_.remove(sandbox.watch);
}

void Sandboxes::restore(Sandbox& sandbox) {
    if (sandbox.state != State::Running || sandbox.updating) return;
    try {
        const std::optional<cgroup::Group> scope = root_.open(sandbox.controlGroup);
        const std::optional<cgroup::Group> payload = scope ? scope->child(kPayload) : std::nullopt;
        if (!payload) return;
        if (sandbox.resources != limits::Resources()) {
            const limits::ScopePlan plan = this->plan(sandbox.resources, false);
            passOn(root_, sandbox.controlGroup, plan.files);
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

async::Task<std::vector<limits::Override>> Sandboxes::overridesOf(Key key) {
    const std::string unit = at(key).unit;
    Properties shown = co_await systemd_.scopeProperties(unit);
    const limits::ScopePlan plan = this->plan(at(key).resources, false);
    co_return limits::overrides(plan.properties, shown);
}

async::Task<Sandboxes::Overrides> Sandboxes::allOverrides(std::vector<Key> keys) {
    Overrides all;
    for (const Key& key : keys) {
        const Sandbox* sandbox = find(key);
        if (!sandbox || sandbox->state != State::Running || sandbox->resources == limits::Resources()) continue;
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
