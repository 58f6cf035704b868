// SPDX-License-Identifier: LGPL-2.1-or-later
// A private directory in the real cgroup2 hierarchy of this machine: made new, and gone with all its processes at the
// end.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace scopewright::fake {

class CgroupTree {
public:
    /// Why there can be no tree here; empty if there can.
    static std::string whyNot();

    CgroupTree();
    CgroupTree(CgroupTree&&) = delete;
    ~CgroupTree();

    /// Where the hierarchy is mounted: what the daemon takes for the root.
    const std::string& mountPoint() const noexcept { return mountPoint_; }

    /// The private directory, as /proc/PID/cgroup would write it: "/scopewright-test-<pid>-<n>".
    const std::string& prefix() const noexcept { return prefix_; }

    /// The directory of a control group.
    std::string directory(const std::string& controlGroup) const { return mountPoint_ + controlGroup; }

    void make(const std::string& controlGroup) const; ///< with its parents
    bool exists(const std::string& controlGroup) const;
    bool populated(const std::string& controlGroup) const;
    std::string read(const std::string& controlGroup, const char* attribute) const; ///< "" if it is not there

    /// The control group and all below it.
    std::vector<std::string> below(const std::string& controlGroup) const;

    /// False if the kernel refused.
    bool move(const std::string& controlGroup, pid_t pid) const;

    void kill(const std::string& controlGroup) const;

    /// Removes the directory and all below it; false if something lives there.
    bool remove(const std::string& controlGroup) const;

    /// The directory of any control group of this machine.
    static std::string directoryOf(const std::string& controlGroup);

    /// The control group of a process; "" if there is no such process.
    static std::string ofProcess(pid_t pid);

private:
    std::string mountPoint_;
    std::string prefix_;
};

} // namespace scopewright::fake
