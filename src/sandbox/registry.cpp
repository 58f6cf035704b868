// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sandbox/registry.h"

#include "base/error.h"
#include "base/log.h"
#include "cgroup/path.h"
#include "sandbox/groups.h"

#include <exception>
#include <set>
#include <utility>

namespace scopewright::sandbox {

const char* toString(State state) {
    switch (state) {
        case State::Starting: return "starting";
        case State::Running: return "running";
        case State::Frozen: return "frozen";
        case State::Stopping: return "stopping";
    }
    return "";
}

Sandbox* Registry::find(const Key& key) {
    auto found = sandboxes_.find(key);
    return found == sandboxes_.end() ? nullptr : &found->second;
}

Sandbox* Registry::find(const Key& key, std::uint64_t serial) {
    Sandbox* present = find(key);
    return present && present->serial == serial ? present : nullptr;
}

const Sandbox& Registry::at(const Key& key) const {
    auto found = sandboxes_.find(key);
    if (found == sandboxes_.end()) throw Error(ErrorCode::NoSuchSandbox, "there is no sandbox " + quoted(label(key)));
    return found->second;
}

Sandbox& Registry::at(const Key& key) {
    return const_cast<Sandbox&>(std::as_const(*this).at(key));
}

Sandbox& Registry::ready(const Key& key) {
    Sandbox& sandbox = at(key);
    if (!sandbox.up()) throw Error(ErrorCode::Busy, "sandbox " + quoted(label(key)) + " is " + toString(sandbox.state));
    if (!sandbox.underway.empty())
        throw Error(ErrorCode::Busy, "sandbox " + quoted(label(key)) + " is being " + sandbox.underway);
    return sandbox;
}

Sandbox* Registry::ofUnit(const std::string& unit) {
    auto found = byUnit_.find(unit);
    return found == byUnit_.end() ? nullptr : find(found->second);
}

const Sandbox* Registry::ofUnit(const std::string& unit) const {
    auto found = byUnit_.find(unit);
    return found == byUnit_.end() ? nullptr : &at(found->second);
}

/// Scopes do not lie in one another, so one of the path's own beginnings is the scope, if any is.
const Sandbox* Registry::containing(std::string_view controlGroup) const {
    for (std::size_t end = controlGroup.find('/', 1);; end = controlGroup.find('/', end + 1)) {
        const auto found = byControlGroup_.find(std::string(controlGroup.substr(0, end)));
        if (found != byControlGroup_.end()) return &at(found->second);
        if (end == std::string_view::npos) return nullptr;
    }
}

Registry::Usage Registry::usage(uid_t owner) const {
    const auto found = usage_.find(owner);
    return found == usage_.end() ? Usage() : found->second;
}

cgroup::Group Registry::scopeOf(const Sandbox& sandbox) const {
    std::optional<cgroup::Group> scope = host_.root.open(sandbox.controlGroup);
    if (scope) return std::move(*scope);
    units_.recheck(sandbox.unit);
    throw Error(ErrorCode::NoSuchSandbox, "the scope of sandbox " + quoted(label(sandbox.key)) + " is gone");
}

cgroup::Group Registry::directoryOf(const Sandbox& sandbox, const Group& group) const {
    std::optional<cgroup::Group> directory = scopeOf(sandbox).child(sandbox::directoryOf(group));
    if (directory) return std::move(*directory);
    throw Error(ErrorCode::NoSuchGroup, "the directory of group " + quoted(group.name) + " is gone");
}

Sandbox& Registry::add(Sandbox sandbox) {
    if (sandboxes_.contains(sandbox.key) || byUnit_.contains(sandbox.unit))
        throw Error(ErrorCode::Busy, "sandbox " + quoted(label(sandbox.key)) + " has been taken meanwhile");
    byUnit_.emplace(sandbox.unit, sandbox.key);
    Usage& usage = usage_[sandbox.key.uid];
    ++usage.sandboxes;
    usage.groups += sandbox.groups.size();
    sandbox.serial = ++lastSerial_;
    const Key key = sandbox.key;
    Sandbox& added = sandboxes_.emplace(key, std::move(sandbox)).first->second;
    place(added, std::string(added.controlGroup));
    return added;
}

void Registry::place(Sandbox& sandbox, const std::string& controlGroup) {
    byControlGroup_.erase(sandbox.controlGroup);
    sandbox.controlGroup = controlGroup;
    if (!controlGroup.empty()) byControlGroup_.insert_or_assign(controlGroup, sandbox.key);
}

Group& Registry::addGroup(Sandbox& sandbox, Group group) {
    const std::string name = group.name;
    const auto [at, added] = sandbox.groups.insert_or_assign(name, std::move(group));
    if (added) ++usage_[sandbox.key.uid].groups;
    return at->second;
}

Group Registry::removeGroup(Sandbox& sandbox, const std::string& name) {
    --usage_[sandbox.key.uid].groups;
    return std::move(sandbox.groups.extract(name).mapped());
}

void Registry::changeState(Sandbox& sandbox, State state) {
    if (std::exchange(sandbox.state, state) == state) return;
    sandbox.changedAt = std::chrono::steady_clock::now();
    if (sandbox.announced) observer_.stateChanged(sandbox);
    changed_.notify();
}

void Registry::announce(Sandbox& sandbox, State state) {
    sandbox.state = state;
    sandbox.changedAt = std::chrono::steady_clock::now();
    sandbox.announced = true;
    watch(sandbox);
    observer_.sandboxAdded(sandbox);
    changed_.notify();
}

void Registry::retire(const Key& key, const std::string& reason) {
    auto found = sandboxes_.find(key);
    if (found == sandboxes_.end()) return;
    const Sandbox gone = std::move(found->second);
    byUnit_.erase(gone.unit);
    byControlGroup_.erase(gone.controlGroup);
    const auto usage = usage_.find(key.uid);
    usage->second.groups -= gone.groups.size();
    if (--usage->second.sandboxes == 0) usage_.erase(usage);
    if (gone.watch >= 0) {
        watched_.erase(gone.watch);
        watch_.remove(gone.watch);
    }
    sandboxes_.erase(found);
    if (gone.announced) {
        log::debug("sandbox " + label(key) + " is gone: " + reason);
        observer_.sandboxRemoved(gone, reason);
    }
    changed_.notify();
}

void Registry::watch(Sandbox& sandbox) noexcept {
    if (sandbox.watch >= 0 || sandbox.resources == limits::Resources() || sandbox.controlGroup.empty()) return;
    try {
        const std::optional<cgroup::Group> scope = host_.root.open(sandbox.controlGroup);
        if (scope) sandbox.watch = watch_.add(*scope);
        if (sandbox.watch >= 0) watched_.insert_or_assign(sandbox.watch, sandbox.key);
    } catch (const std::exception& error) {
        log::warning("what others write to sandbox " + label(sandbox.key) +
                     " is seen after the next daemon-reload only: " + error.what());
    }
}

std::vector<Key> Registry::written() const {
    std::set<int> numbers;
    for (const auto& [number, name] : watch_.take())
        numbers.insert(number);
    std::vector<Key> keys;
    for (const auto& [number, key] : watched_)
        if (numbers.contains(number) || numbers.contains(cgroup::Watch::kAll)) keys.push_back(key);
    return keys;
}

} // namespace scopewright::sandbox
