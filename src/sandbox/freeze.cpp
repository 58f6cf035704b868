// SPDX-License-Identifier: LGPL-2.1-or-later
// Stopping the time of a sandbox: through our own groups, so that PID 1's freezer and ours do not undo each other.
#include "base/error.h"
#include "base/log.h"
#include "cgroup/path.h"
#include "sandbox/sandboxes.h"
#include "sandbox/wait.h"

#include <algorithm>
#include <exception>

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

void thawQuietly(const std::vector<cgroup::Group>& groups) noexcept {
    try {
        writeFreezer(groups, false);
    } catch (const std::exception& error) {
        log::error(error.what());
    }
}

} // namespace

async::Task<void> Sandboxes::freeze(Key key) {
    return setFrozen(key, true);
}

async::Task<void> Sandboxes::thaw(Key key) {
    return setFrozen(key, false);
}

async::Task<bool> Sandboxes::writeFrozen(std::vector<cgroup::Group>& groups, bool frozen, Deadline deadline) {
    writeFreezer(groups, frozen);
    bool settled = true;
    for (const cgroup::Group& group : groups) {
        bool there = co_await settledAt(host_.event, group, "frozen", frozen, deadline);
        settled = settled && there;
    }
    co_return settled;
}

async::Task<void> Sandboxes::setFrozen(Key key, bool frozen) {
    Sandbox& sandbox = registry_.ready(key);
    const std::uint64_t serial = sandbox.serial;
    std::vector<cgroup::Group> groups = processGroups(registry_.scopeOf(sandbox), sandbox);
    const bool above = !frozen && isFrozenFromAbove(host_.root, sandbox.controlGroup);
    const Deadline deadline(above ? bus::Microseconds(0)
                                  : std::min<bus::Microseconds>(kPatience, host_.config.jobTimeout));
    sandbox.underway = frozen ? "frozen" : "thawed";
    bool settled = false;
    std::exception_ptr failure;
    try {
        settled = co_await writeFrozen(groups, frozen, deadline);
    } catch (...) {
        failure = std::current_exception();
    }
    Sandbox* present = registry_.find(key, serial);
    if (present) present->underway.clear();
    // An end that was asked for meanwhile has its own way with the freezer, and with the state.
    if (!present || !present->up())
        throw Error(ErrorCode::NoSuchSandbox, "sandbox " + quoted(label(key)) + " has come to its end meanwhile");
    if (frozen && !settled) thawQuietly(groups);
    if (failure) std::rethrow_exception(failure);
    if (frozen && !settled)
        throw Error(ErrorCode::Timeout, "sandbox " + quoted(label(key)) +
                                            " does not freeze: a process in it cannot be stopped now; it runs on");
    registry_.changeState(*present, frozen ? State::Frozen : State::Running);
    if (!settled && !above) throw Error(ErrorCode::Timeout, "sandbox " + quoted(label(key)) + " does not thaw");
}

} // namespace scopewright::sandbox
