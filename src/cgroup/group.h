// SPDX-License-Identifier: LGPL-2.1-or-later
// One cgroup v2 directory, held by descriptor: whatever happens to its name, this is the group that was opened.
#pragma once

#include "base/fd.h"

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace scopewright::cgroup {

class Group {
public:
    /// The root of a cgroup v2 hierarchy; NotSupported if `mountPoint` is not one.
    static Group openRoot(const std::string& mountPoint);

    /// `controlGroup` below this group, by steps that follow no symlink and leave no mount; nothing if it is not there.
    std::optional<Group> open(std::string_view controlGroup) const;
    std::optional<Group> child(const std::string& name) const;

    /// The same group, held by another descriptor.
    Group duplicate() const;

    /// Makes the directory; true if it is new, false if it was there.
    bool makeChild(const std::string& name) const;

    /// Removes the child and everything below it, deepest first; Busy if a process is in the way.
    void removeChild(const std::string& name) const;

    std::vector<std::string> children() const;

    /// The whole text of an attribute; nothing if the kernel does not offer it here.
    std::optional<std::string> read(const char* attribute) const;

    /// Writes an attribute with one write(2); false if the kernel does not offer it here. Never creates a file.
    bool write(const char* attribute, std::string_view text) const;

    /// The same for best effort: 0, or the errno with which the kernel refused.
    int tryWrite(const char* attribute, std::string_view text) const noexcept;

    /// Every process of the group itself, not of its children. A process of another pid namespace reads as 0.
    std::vector<pid_t> processes() const;

    void addProcess(pid_t pid) const;

    /// Whether a process lives in the group or below it; nothing if the group is gone.
    std::optional<bool> populated() const;

    /// For poll(POLLPRI): `cgroup.events` changed, or the group is gone.
    UniqueFd events() const;

    /// Controllers that the parent has given to this group.
    std::vector<std::string> controllers() const;

    /// Gives each of `wanted` to the children; returns those that the kernel did not allow. Nothing is written where
    /// nothing is missing.
    std::vector<std::string> enable(const std::vector<std::string>& wanted) const;

    /// SIGKILL to everything in the group and below, in one step that no fork escapes; false before Linux 5.14.
    bool kill() const;

    /// Hands the directory, and the files by which a subtree is run, to another uid and gid.
    void handOver(uid_t uid, gid_t gid) const;

    /// The file whose extended attributes carry our marks: root's own, in every group, never among those handed over.
    UniqueFd boundaryFile() const;

    int fd() const noexcept { return dir_.value(); }

private:
    explicit Group(UniqueFd dir) noexcept : dir_(std::move(dir)) {}

    UniqueFd dir_;
};

} // namespace scopewright::cgroup
