// SPDX-License-Identifier: LGPL-2.1-or-later
// A guest with a real PID 1, in which this test is root: what is in its cgroup tree, and what one test may leave
// behind.
#pragma once

#include "answers.h"
#include "child.h"
#include "client.h"
#include "guest/pid1.h"
#include "wait.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace scopewright::integration {

inline constexpr const char* kService = "scopewright.service";

/// The property Skipped of a sandbox or a group, by key.
struct SkipLine {
    std::string reason;
    std::string since;
};
std::map<std::string, SkipLine> skippedOf(const Client& client, const std::string& object, const char* interface);

// The cgroup tree. Control groups are named as PID 1 names them, from the root of the unified hierarchy.

std::string directory(const std::string& controlGroup);
bool exists(const std::string& controlGroup);
/// One attribute, without the newline at its end; nothing if there is no such file.
std::optional<std::string> readFile(const std::string& controlGroup, const char* attribute);
/// 0 or an errno.
int writeFile(const std::string& controlGroup, const char* attribute, const std::string& value);
int moveInto(const std::string& controlGroup, pid_t pid);
/// A process that begins its life, and sleeps, in the group whose directory this is; -1 and errno if it cannot.
pid_t startIn(int directory);
/// The same, of which nothing is left: 0, or the errno with which the kernel refuses a process that would begin its
/// life there.
int tryStartIn(int directory);
std::vector<std::string> wordsOf(const std::string& text);
/// Only in a machine are there all controllers, device programs and the kernel's own processes. A test that asks for
/// them must have the tag [machine], since only those that have it run in machines.
bool inMachine();
bool hasController(const std::string& controlGroup, const std::string& controller);
std::vector<pid_t> processesOf(const std::string& controlGroup);
/// This one and all below it, sorted.
std::vector<std::string> treeOf(const std::string& controlGroup);
/// Makes it with its parents.
void makeGroup(const std::string& controlGroup);
void removeGroup(const std::string& controlGroup);

/// A test's guest: nothing of another test is in it when it begins, and nothing of this one when it ends.
class Guest {
public:
    Guest();
    Guest(Guest&&) = delete;
    ~Guest();

    Client client;
    Pid1 systemd;

    /// CreateSandbox; throws unless it succeeds.
    Created create(const std::string& id, const std::vector<const Child*>& children, const Properties& more = {}) const;
    /// The same call, whatever comes of it.
    Answer tryCreate(const std::string& id, const std::vector<const Child*>& children,
                     const Properties& more = {}) const;
    /// CreateCompatGroup; its control group.
    std::string createGroup(const std::string& id, const std::string& name, const Properties& resources = {}) const;

    std::vector<SandboxLine> list() const { return sandboxesIn(client.manager("ListSandboxes")); }
    std::vector<GroupLine> groups(const std::string& id) const { return groupsIn(client.manager("ListGroups", id)); }
    bool knows(const std::string& id) const;

    /// Fails the test unless nothing is left of the sandbox anywhere.
    void checkGone(const std::string& id, const Created& created, Recorder& recorder) const;

    pid_t daemonPid() const { return systemd.mainPid(kService); }
    /// SIGKILL, and waits until it is dead.
    void killDaemon() const;
    /// Waits until the service is inactive.
    void stopDaemon() const;

    /// Options of [daemon] and others for this test, as a drop-in of the configuration; takes effect at once.
    void configure(const std::string& toml) const;

private:
    void clean() const;
};

/// A value for a while, in a file that is not part of a sandbox.
class Override {
public:
    Override(std::string controlGroup, std::string attribute, const std::string& value);
    Override(Override&&) = delete;
    ~Override();

private:
    std::string controlGroup_;
    std::string attribute_;
    std::string before_;
};

} // namespace scopewright::integration
