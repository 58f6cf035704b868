// SPDX-License-Identifier: LGPL-2.1-or-later
// Moving processes into a sandbox that runs.
#include "base/error.h"
#include "base/log.h"
#include "cgroup/path.h"
#include "sandbox/sandboxes.h"

#include <cerrno>

namespace scopewright::sandbox {

namespace {

/// Where processes are to go.
struct Target {
    const cgroup::Group& root;
    const cgroup::Group& group;
    std::string controlGroup;
    std::string scope;
};

/// The number of a process that has exited may have become another one's before the write, and then it was that one
/// that was moved. If it is somebody else's it goes back to where it was born a moment ago, with its parent. Of one
/// whose parent is PID 1 nobody can tell that; and the caller's own may have been born in the sandbox.
void leadHeirBack(pid_t number, const Target& target, uid_t caller) noexcept {
    try {
        const Process heir = Process::byNumber(static_cast<std::uint32_t>(number));
        if (heir.controlGroup() != target.controlGroup) return;
        try {
            heir.checkMovableBy(caller);
            return;
        } catch (const Error& error) {
            if (error.code() != ErrorCode::AccessDenied) return;
        }
        const pid_t parent = parentOf(number);
        const std::string home = parent > 1 ? controlGroupOf(parent) : "";
        if (cgroup::contains(target.scope, home)) return;
        const std::optional<cgroup::Group> group = home.empty() ? std::nullopt : target.root.open(home);
        const int error = group ? group->tryWrite("cgroup.procs", std::to_string(number)) : ENOENT;
        if (error != 0 && error != ESRCH)
            log::error(errnoError("lead process " + std::to_string(number) +
                                      ", which was taken for one that has exited, out of " + target.controlGroup,
                                  error)
                           .what());
    } catch (const std::exception&) {
        // It has exited as well.
    }
}

/// The kernel has no move by pidfd. But while the pidfd's process lives nobody else has its number; so one that lives
/// after the write was the one that was moved.
void move(const Process& process, const Target& target, uid_t caller) {
    const int error = target.group.tryWrite("cgroup.procs", std::to_string(process.pid()));
    // Gone before the file was opened, or after.
    if (error == ENOENT || error == ENODEV) throw Error(ErrorCode::NoSuchGroup, "the group for the process is gone");
    if (error != 0 && error != ESRCH)
        throw errnoError("move process " + std::to_string(process.pid()) + " to " + target.controlGroup, error);
    if (process.controlGroup() != target.controlGroup) {
        if (error == 0 && !process.alive()) leadHeirBack(process.pid(), target, caller);
        throw Error(ErrorCode::ProcessUnknown,
                    "process " + std::to_string(process.pid()) + " exited while it was moved");
    }
    // It may have become somebody else's by then, by a set-uid program.
    process.checkMovableBy(caller);
}

void moveBack(const Process& process, const std::string& controlGroup) noexcept {
    try {
        if (process.controlGroup() != controlGroup) return;
        const int error =
            process.source() ? process.source()->tryWrite("cgroup.procs", std::to_string(process.pid())) : ENOENT;
        if (error != 0 && error != ESRCH)
            log::error(
                errnoError("lead process " + std::to_string(process.pid()) + " back to " + process.sourceControlGroup(),
                           error)
                    .what());
    } catch (const std::exception& error) {
        log::error(error.what());
    }
}

} // namespace

void Sandboxes::attach(const Key& key, const std::string& name, Processes processes, uid_t caller) {
    Sandbox& sandbox = registry_.ready(key);
    const Group& group = groupOf(sandbox, name);
    if (!group.holdsProcesses())
        throw Error(ErrorCode::InvalidArgument,
                    "group " + quoted(name) + " is a compat group, in which no process can live");
    if (processes.empty()) throw Error(ErrorCode::InvalidArgument, "no process is named");
    for (Process& process : processes)
        admitProcess(process, caller, &key);
    const cgroup::Group directory = registry_.directoryOf(sandbox, group);
    const Target target{host_.root, directory, group.controlGroup, sandbox.controlGroup};
    for (std::size_t i = 0; i < processes.size(); ++i) {
        if (processes[i].sourceControlGroup() == group.controlGroup) continue;
        try {
            move(processes[i], target, caller);
        } catch (...) {
            for (std::size_t j = i + 1; j-- > 0;)
                moveBack(processes[j], group.controlGroup);
            throw;
        }
    }
}

} // namespace scopewright::sandbox
