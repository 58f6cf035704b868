// SPDX-License-Identifier: LGPL-2.1-or-later
// Moving processes into a sandbox that runs.
#include "base/error.h"
#include "base/log.h"
#include "sandbox/sandboxes.h"

#include <cerrno>

namespace scopewright::sandbox {

namespace {

/// The kernel has no move by pidfd. But while the pidfd's process lives nobody else has its number; so one that lives
/// after the write was the one that was moved.
void move(const Process& process, const cgroup::Group& group, const std::string& controlGroup, uid_t caller) {
    const int error = group.tryWrite("cgroup.procs", std::to_string(process.pid()));
    if (error == ENODEV) throw Error(ErrorCode::NoSuchGroup, "the group for the process is gone");
    if (error != 0 && error != ESRCH)
        throw errnoError("move process " + std::to_string(process.pid()) + " to " + controlGroup, error);
    if (process.controlGroup() != controlGroup)
        throw Error(ErrorCode::ProcessUnknown,
                    "process " + std::to_string(process.pid()) + " exited while it was moved");
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
    for (std::size_t i = 0; i < processes.size(); ++i) {
        if (processes[i].sourceControlGroup() == group.controlGroup) continue;
        try {
            move(processes[i], directory, group.controlGroup, caller);
        } catch (...) {
            for (std::size_t j = i + 1; j-- > 0;)
                moveBack(processes[j], group.controlGroup);
            throw;
        }
    }
}

} // namespace scopewright::sandbox
