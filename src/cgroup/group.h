// SPDX-License-Identifier: LGPL-2.1-or-later
// One cgroup v2 directory, held by descriptor: whatever happens to its name, this is the group that was opened.
#pragma once

#include "base/fd.h"

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace scopewright::cgroup {

class Group {
public:
    /// The root of a cgroup v2 hierarchy; NotSupported if `mountPoint` is not one, or cannot be written.
    static Group openRoot(const std::string& mountPoint);

    /// `controlGroup` below this group, by steps that follow no symlink and leave no mount; nothing if it is not there.
    std::optional<Group> open(std::string_view controlGroup) const;
    /// The group in which that one lies, or has lain.
    std::optional<Group> openAbove(std::string_view controlGroup) const;
    std::optional<Group> child(const std::string& name) const;

    /// The same group, held by another descriptor.
    Group duplicate() const;

    /// Makes the directory; true if it is new, false if it was there.
    bool makeChild(const std::string& name) const;

    /// Removes the child and everything below it, deepest first; Busy if a process is in the way.
    void removeChild(const std::string& name) const;

    std::vector<std::string> children() const;
    /// Whether there are any, without reading their names.
    bool hasChildren() const;

    /// Calls `see` with this group and every one below it, one descriptor at a time however deep they nest. Groups that
    /// come or go meanwhile may be missed.
    void visit(const std::function<void(const Group&)>& see) const;

    /// The whole text of an attribute; nothing if the kernel does not offer it here.
    std::optional<std::string> read(const char* attribute) const;

    /// Writes an attribute with one write(2); false if the kernel does not offer it here. Never creates a file.
    bool write(const char* attribute, std::string_view text) const;

    /// The same for best effort: 0, or the errno with which the kernel refused.
    int tryWrite(const char* attribute, std::string_view text) const noexcept;

    /// Every process of the group itself, not of its children. A process of another pid namespace reads as 0.
    std::vector<pid_t> processes() const;

    void addProcess(pid_t pid) const;

    /// Every thread of the group itself, whoever its process belongs to: also those whose leader has exited, which no
    /// list of processes has, and those of a threaded group, which has no such list.
    std::vector<pid_t> threads() const;

    /// Whether `key` of cgroup.events is 1: "populated", a process lives in the group or below it; "frozen", none of
    /// them runs. Nothing if the group is gone or the kernel has no such key.
    std::optional<bool> event(std::string_view key) const;
    std::optional<bool> populated() const { return event("populated"); }

    /// For poll(POLLPRI): `cgroup.events` changed, or the group is gone. Empty if it is gone already.
    UniqueFd events() const;

    /// Controllers that the parent has given to this group.
    std::vector<std::string> controllers() const;

    /// Those that it has given to its own children.
    std::vector<std::string> passedOn() const;

    /// Gives each of `wanted` to the children; returns those that the kernel did not allow. Nothing is written where
    /// nothing is missing.
    std::vector<std::string> enable(const std::vector<std::string>& wanted) const;

    /// The reverse; what cannot be taken away stays.
    void disable(const std::vector<std::string>& controllers) const noexcept;

    /// SIGKILL to everything in the group and below, in one step that no fork escapes; false before Linux 5.14.
    bool kill() const;

    /// Hands the directory, and the files by which a subtree is run, to another uid and gid.
    void handOver(uid_t uid, gid_t gid) const;

    /// The file whose extended attributes carry our marks: root's own, in every group, never among those handed over.
    /// Empty if the group is gone.
    UniqueFd boundaryFile() const;

    /// The directory as a place and nothing more: with O_PATH, for clone3(2) and openat(2).
    UniqueFd place() const;

    /// The uid that may make groups in it.
    uid_t owner() const;

    int fd() const noexcept { return dir_.value(); }

private:
    explicit Group(UniqueFd dir) noexcept : dir_(std::move(dir)) {}

    UniqueFd dir_;
};

} // namespace scopewright::cgroup
