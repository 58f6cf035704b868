// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sandbox/furnish.h"

#include "base/error.h"
#include "base/log.h"
#include "sandbox/apply.h"
#include "sandbox/groups.h"
#include "state/marks.h"

#include <algorithm>
#include <cerrno>

namespace scopewright::sandbox {

namespace {

/// A process may fork while its group is being emptied; its children turn up in the next look.
constexpr int kMostRounds = 1000;

/// The order is the kernel's: processes leave the scope's own directory before it passes controllers on, and bounds are
/// set before anybody else is let in.
cgroup::Group makePayload(const Host& host, const cgroup::Group& scope, const state::Record& record) {
    scope.makeChild(kPayload);
    std::optional<cgroup::Group> payload = scope.child(kPayload);
    if (!payload) throw Error(ErrorCode::UnitFailed, "the scope ended while it was furnished");
    payload->write("cgroup.max.depth", std::to_string(host.config.maxDepth));
    payload->write("cgroup.max.descendants", std::to_string(host.config.maxDescendants));
    moveAll(scope, *payload);
    for (const std::string& controller : scope.enable(scope.controllers()))
        log::warning("controller " + controller + " cannot be passed on in the scope of sandbox " + record.id);
    if (record.user || record.group)
        payload->handOver(record.user.value_or(static_cast<uid_t>(-1)), record.group.value_or(static_cast<gid_t>(-1)));
    return std::move(*payload);
}

} // namespace

std::vector<limits::Skip> furnish(const Host& host, const cgroup::Group& scope, const std::string& controlGroup,
                                  const Furnishing& furnishing, Undo& undo) {
    const limits::ScopePlan& plan = furnishing.plan;
    std::vector<limits::Skip> skipped = plan.skipped;
    // PID 1 leaves a directory that it could not empty to the next unit of the name.
    if (!furnishing.record.adopted) removeRemains(scope);
    passOn(host.root, controlGroup, plan.files);
    const cgroup::Group payload = makePayload(host, scope, furnishing.record);
    writeFiles(scope, plan.scopeFiles, true, Refusal::Skip, skipped, undo);
    writeFiles(payload, plan.files, true, Refusal::Skip, skipped, undo);
    writeFiles(scope, plan.echoes, true, Refusal::Skip, skipped, undo);
    verifyDevices(scope, plan.properties, skipped);
    if (plan.program) applyDevices(payload, plan.program, skipped);
    refuseSkipsIfStrict(furnishing.strict, skipped);
    state::setMark(payload.boundaryFile().value(), markOf(kPayload, kPayload, furnishing.resources, skipped));
    return skipped;
}

void moveAll(const cgroup::Group& from, const cgroup::Group& to) {
    for (int round = 0; round < kMostRounds; ++round) {
        const std::vector<pid_t> present = from.processes();
        if (present.empty()) return;
        for (pid_t pid : present) {
            const int error = pid > 0 ? to.tryWrite("cgroup.procs", std::to_string(pid)) : EXDEV;
            if (error != 0 && error != ESRCH)
                throw errnoError("move process " + std::to_string(pid) + " into another group of its sandbox", error);
        }
    }
    throw Error(ErrorCode::UnitFailed, "the scope's processes fork faster than they can be moved");
}

bool leadOut(const cgroup::Group& group, const Processes& processes) {
    for (int round = 0; round < kMostRounds; ++round) {
        const std::vector<pid_t> present = group.processes();
        if (present.empty()) return true;
        for (pid_t pid : present) {
            // 0 is a process of another pid namespace; written back, it would mean this daemon.
            if (pid <= 0) return false;
            auto known = std::ranges::find_if(processes, [&](const Process& p) { return p.pid() == pid && p.alive(); });
            const Process& process = known == processes.end() ? processes.front() : *known;
            if (!process.source()) return false;
            const int error = process.source()->tryWrite("cgroup.procs", std::to_string(pid));
            if (error != 0 && error != ESRCH) {
                log::error(
                    errnoError("lead process " + std::to_string(pid) + " back to " + process.sourceControlGroup(),
                               error)
                        .what());
                return false;
            }
        }
    }
    return false;
}

} // namespace scopewright::sandbox
