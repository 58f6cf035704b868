// SPDX-License-Identifier: LGPL-2.1-or-later
// Putting a plan in force in a group: its files, and its device program. What was there before can be brought back.
#pragma once

#include "cgroup/group.h"
#include "limits/plan.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace scopewright::sandbox {

/// What the files of a group held before they were written, for the case that a later one is refused.
class Undo {
public:
    /// Where nothing is brought back, nothing need be read first: a new group is removed when a write to it is refused.
    static Undo unneeded() noexcept {
        Undo undo;
        undo.needed_ = false;
        return undo;
    }

    void remember(const cgroup::Group& group, const limits::FileValue& file);
    /// The kernel did not take what was to be written over the last one.
    void forgetLast() noexcept {
        if (needed_) old_.pop_back();
    }
    /// Writes the old values back, the last first. What cannot be brought back is logged.
    void run() noexcept;

private:
    struct Old {
        cgroup::Group group;
        limits::FileValue file;
    };
    std::vector<Old> old_;
    bool needed_ = true;
};

/// What the kernel says to a value it does not take.
enum class Refusal {
    Skip,  ///< the value is not in force, and that is told
    Throw, ///< the request fails, and the caller runs `undo`
};

/// Writes `files` in the order in which the kernel takes them. A controller that the group has not is always a skip.
void writeFiles(const cgroup::Group& group, const std::vector<limits::FileValue>& files, bool growing, Refusal refusal,
                std::vector<limits::Skip>& skipped, Undo& undo);

/// Writes those of `files` again that are ours alone and whose value is gone; `path` names the group in the log. A
/// value that the kernel does not keep as it was written stands in `stubborn` with what it made of it, and is not
/// written a second time over that.
void restoreFiles(const cgroup::Group& group, const std::string& path, const std::vector<limits::FileValue>& files,
                  std::map<std::string, std::string>& stubborn);

/// Attaches the program, in place of an earlier one; without rules it takes that away.
void applyDevices(const cgroup::Group& group, const std::optional<std::vector<limits::DeviceRule>>& rules,
                  std::vector<limits::Skip>& skipped);

/// PID 1 goes on without a device program that it cannot attach, so the kernel is asked.
void verifyDevices(const cgroup::Group& scope, const Properties& told, std::vector<limits::Skip>& skipped);

/// systemd passes on only the controllers it knows; the others (hugetlb, rdma, misc) have to be switched on in each
/// group on the way, where systemd leaves them alone.
void passOn(const cgroup::Group& root, const std::string& controlGroup, const std::vector<limits::FileValue>& files);

/// Of the block devices in a request, those that are not there: PID 1 passes over a path that leads nowhere. Asked of
/// sysfs: the daemon's own /dev is private.
std::vector<limits::DeviceNumber> absentDevices(const limits::Resources& resources);

} // namespace scopewright::sandbox
