// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sandbox/registry.h"

#include "base/error.h"
#include "base/log.h"
#include "cgroup/path.h"

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

const Sandbox& Registry::at(const Key& key) const {
    auto found = sandboxes_.find(key);
    if (found == sandboxes_.end()) throw Error(ErrorCode::NoSuchSandbox, "there is no sandbox " + quoted(label(key)));
    return found->second;
}

Sandbox& Registry::ready(const Key& key) {
    at(key);
    Sandbox& sandbox = *find(key);
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

const Sandbox* Registry::containing(std::string_view controlGroup) const {
    for (const auto& [key, sandbox] : sandboxes_)
        if (!sandbox.controlGroup.empty() && cgroup::contains(sandbox.controlGroup, controlGroup)) return &sandbox;
    return nullptr;
}

cgroup::Group Registry::scopeOf(const Sandbox& sandbox) const {
    std::optional<cgroup::Group> scope = host_.root.open(sandbox.controlGroup);
    if (scope) return std::move(*scope);
    units_.recheck(sandbox.unit);
    throw Error(ErrorCode::NoSuchSandbox, "the scope of sandbox " + quoted(label(sandbox.key)) + " is gone");
}

Sandbox& Registry::add(Sandbox sandbox) {
    byUnit_.emplace(sandbox.unit, sandbox.key);
    const Key key = sandbox.key;
    return sandboxes_.emplace(key, std::move(sandbox)).first->second;
}

void Registry::changeState(Sandbox& sandbox, State state) {
    if (std::exchange(sandbox.state, state) == state) return;
    if (sandbox.announced) observer_.stateChanged(sandbox);
    changed_.notify();
}

void Registry::announce(Sandbox& sandbox, State state) {
    sandbox.state = state;
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
    if (gone.watch >= 0) {
        watched_.erase(gone.watch);
        watch_.remove(gone.watch);
    }
    sandboxes_.erase(found);
    if (gone.announced) {
        log::info("sandbox " + label(key) + " is gone: " + reason);
        observer_.sandboxRemoved(gone, reason);
    }
    changed_.notify();
}

void Registry::watch(Sandbox& sandbox) {
    if (sandbox.watch >= 0 || sandbox.resources == limits::Resources()) return;
    const std::optional<cgroup::Group> scope = host_.root.open(sandbox.controlGroup);
    if (scope) sandbox.watch = watch_.add(*scope);
    if (sandbox.watch >= 0) watched_.insert_or_assign(sandbox.watch, sandbox.key);
}

std::vector<Key> Registry::written() const {
    const std::set<int> numbers = watch_.take();
    std::vector<Key> keys;
    for (const auto& [number, key] : watched_)
        if (numbers.contains(number) || numbers.contains(cgroup::Watch::kAll)) keys.push_back(key);
    return keys;
}

} // namespace scopewright::sandbox
