// SPDX-License-Identifier: LGPL-2.1-or-later
// Stopping the time of a sandbox: through our own groups, so that PID 1's freezer and ours do not undo each other.
#include "base/error.h"
#include "base/log.h"
#include "cgroup/path.h"
#include "sandbox/sandboxes.h"
#include "sandbox/wait.h"

#include <algorithm>

namespace scopewright::sandbox {

namespace {

/// A process in an uninterruptible wait freezes only after it.
constexpr std::chrono::seconds kPatience{10};

/// While a group above is frozen those below stay so, whatever is written to them.
bool isFrozenFromAbove(const cgroup::Group& root, const std::string& controlGroup) {
    std::string path;
    for (const std::string& component : cgroup::components(controlGroup)) {
        path += "/" + component;
        const std::optional<cgroup::Group> group = root.open(path);
        if (group && group->read("cgroup.freeze").value_or("0\n") != "0\n") return true;
    }
    return false;
}

} // namespace

async::Task<void> Sandboxes::freeze(Key key) {
    return setFrozen(key, true);
}

async::Task<void> Sandboxes::thaw(Key key) {
    return setFrozen(key, false);
}

async::Task<void> Sandboxes::setFrozen(Key key, bool frozen) {
    Sandbox& sandbox = registry_.ready(key);
    const cgroup::Group scope = registry_.scopeOf(sandbox);
    const State target = frozen ? State::Frozen : State::Running;
    std::vector<cgroup::Group> groups = processGroups(scope, sandbox);
    if (!frozen && isFrozenFromAbove(host_.root, sandbox.controlGroup)) {
        writeFreezer(groups, false);
        registry_.changeState(sandbox, target);
        co_return;
    }
    writeFreezer(groups, frozen);
    sandbox.underway = frozen ? "frozen" : "thawed";
    const Deadline deadline(std::min<bus::Microseconds>(kPatience, host_.config.jobTimeout));
    bool settled = true;
    for (const cgroup::Group& group : groups) {
        bool there = co_await settledAt(host_.event, group, "frozen", frozen, deadline);
        settled = settled && there;
    }
    // What has gone meanwhile is as still as can be.
    Sandbox* present = registry_.find(key);
    if (!present) throw Error(ErrorCode::NoSuchSandbox, "sandbox " + quoted(label(key)) + " has ended meanwhile");
    present->underway.clear();
    if (!settled && frozen) {
        writeFreezer(groups, false);
        throw Error(ErrorCode::Timeout, "sandbox " + quoted(label(key)) +
                                            " does not freeze: a process in it cannot be stopped now; it runs on");
    }
    registry_.changeState(*present, target);
    if (!settled) throw Error(ErrorCode::Timeout, "sandbox " + quoted(label(key)) + " does not thaw");
}

} // namespace scopewright::sandbox
