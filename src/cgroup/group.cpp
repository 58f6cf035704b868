// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cgroup/group.h"

#include "base/error.h"
#include "cgroup/path.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <iterator>
#include <memory>
#include <sstream>

namespace scopewright::cgroup {

namespace {

constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;

/// ENODEV is what a held descriptor of a removed group answers with.
bool isAbsence(int error) {
    return error == ENOENT || error == ENODEV;
}

int openBeneath(int parent, const char* path) {
    open_how how{};
    how.flags = kDirectoryFlags;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
    return static_cast<int>(::syscall(SYS_openat2, parent, path, &how, sizeof how));
}

/// openat2 is in Linux since 5.6; a sandbox may answer EPERM for it.
bool lacksOpenat2(int error) {
    return error == ENOSYS || error == EPERM;
}

/// One component, already free of slashes.
UniqueFd openDirectory(int parent, const char* name) {
    const int fd = openBeneath(parent, name);
    return UniqueFd(fd < 0 && lacksOpenat2(errno) ? ::openat(parent, name, kDirectoryFlags) : fd);
}

/// All of them, in one step where the kernel can be told that none may be a link or a mount.
UniqueFd openPath(int parent, const std::vector<std::string>& names) {
    std::string path;
    for (const std::string& name : names)
        path += (path.empty() ? "" : "/") + name;
    UniqueFd dir(openBeneath(parent, path.c_str()));
    if (dir || !lacksOpenat2(errno)) return dir;
    for (const std::string& name : names) {
        dir = UniqueFd(::openat(dir ? dir.value() : parent, name.c_str(), kDirectoryFlags));
        if (!dir) return dir;
    }
    return dir;
}

UniqueFd openAttribute(int dir, const char* attribute, int flags) {
    return UniqueFd(::openat(dir, attribute, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
}

std::vector<std::string> words(const std::string& text) {
    constexpr const char* kBlanks = " \n";
    std::vector<std::string> result;
    std::size_t begin = text.find_first_not_of(kBlanks);
    while (begin != std::string::npos) {
        const std::size_t end = std::min(text.find_first_of(kBlanks, begin), text.size());
        result.push_back(text.substr(begin, end - begin));
        begin = text.find_first_not_of(kBlanks, end);
    }
    return result;
}

struct DirectoryRelease {
    void operator()(DIR* dir) const noexcept { ::closedir(dir); }
};

/// Calls `visit(name)` for each subdirectory until it answers false.
template <class Visit>
void eachSubdirectory(int dir, Visit visit) {
    const int own = ::openat(dir, ".", kDirectoryFlags);
    if (own < 0 && isAbsence(errno)) return;
    if (own < 0) throw errnoError("list a group");
    std::unique_ptr<DIR, DirectoryRelease> stream(::fdopendir(own));
    if (!stream) {
        ::close(own);
        throw errnoError("list a group", ENOMEM);
    }
    while (const dirent* entry = ::readdir(stream.get())) {
        const std::string_view name = entry->d_name;
        if (entry->d_type == DT_DIR && name != "." && name != ".." && !visit(name)) return;
    }
}

std::optional<std::string> firstSubdirectory(int dir) {
    std::optional<std::string> first;
    eachSubdirectory(dir, [&](std::string_view name) {
        first = name;
        return false;
    });
    return first;
}

bool removeDirectory(int parent, const std::string& name) {
    return ::unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0 || isAbsence(errno);
}

/// The decimal after `key ` in a flat-keyed file such as cgroup.events.
std::optional<bool> flagIn(const std::string& text, std::string_view key) {
    std::istringstream lines(text);
    std::string name;
    int value = 0;
    while (lines >> name >> value)
        if (name == key) return value != 0;
    return std::nullopt;
}

std::vector<pid_t> numbers(const std::string& text) {
    std::vector<pid_t> pids;
    for (const std::string& word : words(text)) {
        pid_t pid = 0;
        std::from_chars(word.data(), word.data() + word.size(), pid);
        pids.push_back(pid);
    }
    return pids;
}

} // namespace

Group Group::openRoot(const std::string& mountPoint) {
    UniqueFd dir(::open(mountPoint.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct statfs fs {};
    if (!dir || ::fstatfs(dir.value(), &fs) < 0) throw errnoError("open cgroup root " + quoted(mountPoint));
    if (static_cast<unsigned long>(fs.f_type) != CGROUP2_SUPER_MAGIC)
        throw Error(ErrorCode::NotSupported, quoted(mountPoint) + " is not a cgroup v2 hierarchy");
    struct statvfs mount {};
    if (::fstatvfs(dir.value(), &mount) == 0 && (mount.f_flag & ST_RDONLY) != 0)
        throw Error(ErrorCode::NotSupported, "the cgroup hierarchy at " + quoted(mountPoint) + " is read-only");
    return Group(std::move(dir));
}

std::optional<Group> Group::open(std::string_view controlGroup) const {
    UniqueFd dir = openPath(fd(), components(controlGroup));
    if (!dir && isAbsence(errno)) return std::nullopt;
    if (!dir) throw errnoError("open control group " + quoted(controlGroup));
    return Group(std::move(dir));
}

std::optional<Group> Group::openAbove(std::string_view controlGroup) const {
    const std::size_t slash = controlGroup.rfind('/');
    return slash == 0 ? duplicate() : open(controlGroup.substr(0, slash));
}

std::optional<Group> Group::child(const std::string& name) const {
    return open("/" + name);
}

Group Group::duplicate() const {
    UniqueFd dir(::openat(fd(), ".", kDirectoryFlags));
    if (!dir) throw errnoError("open a group again");
    return Group(std::move(dir));
}

bool Group::makeChild(const std::string& name) const {
    if (::mkdirat(fd(), name.c_str(), 0755) == 0) return true;
    if (errno == EEXIST) return false;
    throw errnoError("make group " + quoted(name));
}

void Group::removeChild(const std::string& name) const {
    if (removeDirectory(fd(), name)) return;
    // A payload may have nested thousands of groups: one descriptor at a time, down to a leaf and up again. Nobody can
    // rename a cgroup, so ".." leads back the way we came.
    std::vector<std::string> trail;
    // PID 1 may be removing the same tree.
    UniqueFd current = openDirectory(fd(), name.c_str());
    if (!current && isAbsence(errno)) return;
    if (!current) throw errnoError("open group " + quoted(name));
    for (;;) {
        if (std::optional<std::string> below = firstSubdirectory(current.value())) {
            if (removeDirectory(current.value(), *below)) continue;
            UniqueFd next = openDirectory(current.value(), below->c_str());
            if (!next && isAbsence(errno)) continue;
            if (!next) throw errnoError("open group " + quoted(*below));
            current = std::move(next);
            trail.push_back(*below);
            continue;
        }
        if (trail.empty()) break;
        UniqueFd parent(::openat(current.value(), "..", kDirectoryFlags));
        if (!parent || !removeDirectory(parent.value(), trail.back()))
            throw errnoError("remove group " + quoted(trail.back()) + " below " + quoted(name));
        current = std::move(parent);
        trail.pop_back();
    }
    if (!removeDirectory(fd(), name)) throw errnoError("remove group " + quoted(name));
}

/// The kernel counts a group's links as other file systems do: two, and one for each directory in it.
bool Group::hasChildren() const {
    struct stat status {};
    if (::fstat(fd(), &status) < 0) throw errnoError("look at a group");
    return status.st_nlink != 2;
}

std::vector<std::string> Group::children() const {
    std::vector<std::string> names;
    eachSubdirectory(fd(), [&](std::string_view name) {
        names.emplace_back(name);
        return true;
    });
    return names;
}

std::optional<std::string> Group::read(const char* attribute) const {
    UniqueFd file = openAttribute(fd(), attribute, O_RDONLY);
    if (!file && isAbsence(errno)) return std::nullopt;
    if (!file) throw errnoError("open " + quoted(attribute));
    std::string text;
    std::array<char, 4096> buffer;
    for (;;) {
        const ssize_t got = ::read(file.value(), buffer.data(), buffer.size());
        if (got == 0) return text;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && isAbsence(errno)) return std::nullopt;
        if (got < 0) throw errnoError("read " + quoted(attribute));
        text.append(buffer.data(), static_cast<std::size_t>(got));
    }
}

int Group::tryWrite(const char* attribute, std::string_view text) const noexcept {
    UniqueFd file = openAttribute(fd(), attribute, O_WRONLY);
    if (!file) return errno;
    ssize_t written;
    do
        written = ::write(file.value(), text.data(), text.size());
    while (written < 0 && errno == EINTR);
    if (written < 0) return errno;
    return written == static_cast<ssize_t>(text.size()) ? 0 : EIO;
}

bool Group::write(const char* attribute, std::string_view text) const {
    const int error = tryWrite(attribute, text);
    if (isAbsence(error)) return false;
    if (error != 0) throw errnoError("write " + quoted(text) + " to " + quoted(attribute), error);
    return true;
}

void Group::visit(const std::function<void(const Group&)>& see) const {
    see(*this);
    std::vector<std::vector<std::string>> left(1, children());
    Group current = duplicate();
    for (;;) {
        if (left.back().empty()) {
            left.pop_back();
            if (left.empty()) return;
            UniqueFd parent(::openat(current.fd(), "..", kDirectoryFlags));
            if (!parent) return;
            current = Group(std::move(parent));
            continue;
        }
        UniqueFd next = openDirectory(current.fd(), left.back().back().c_str());
        left.back().pop_back();
        if (!next) continue;
        current = Group(std::move(next));
        see(current);
        left.push_back(current.children());
    }
}

std::vector<pid_t> Group::processes() const {
    return numbers(read("cgroup.procs").value_or(""));
}

std::vector<pid_t> Group::threads() const {
    return numbers(read("cgroup.threads").value_or(""));
}

void Group::addProcess(pid_t pid) const {
    if (!write("cgroup.procs", std::to_string(pid)))
        throw Error(ErrorCode::Io, "the group for process " + std::to_string(pid) + " is gone");
}

std::optional<bool> Group::event(std::string_view key) const {
    const std::optional<std::string> events = read("cgroup.events");
    if (!events) return std::nullopt;
    return flagIn(*events, key);
}

UniqueFd Group::events() const {
    UniqueFd file = openAttribute(fd(), "cgroup.events", O_RDONLY);
    if (!file && !isAbsence(errno)) throw errnoError("open a group's events");
    // Only a change after a first read is reported.
    char byte = 0;
    if (file && ::pread(file.value(), &byte, 1, 0) < 0) return UniqueFd();
    return file;
}

std::vector<std::string> Group::controllers() const {
    return words(read("cgroup.controllers").value_or(""));
}

std::vector<std::string> Group::passedOn() const {
    return words(read("cgroup.subtree_control").value_or(""));
}

std::vector<std::string> Group::enable(const std::vector<std::string>& wanted) const {
    if (wanted.empty()) return {};
    const std::vector<std::string> enabled = passedOn();
    std::vector<std::string> missing;
    std::ranges::copy_if(wanted, std::back_inserter(missing), [&](const std::string& controller) {
        return std::ranges::find(enabled, controller) == enabled.end();
    });
    std::string all;
    for (const std::string& controller : missing)
        all += (all.empty() ? "+" : " +") + controller;
    if (missing.empty() || tryWrite("cgroup.subtree_control", all) == 0) return {};
    // One controller that is not to be had makes the kernel refuse the whole line.
    std::vector<std::string> refused;
    for (const std::string& controller : missing)
        if (tryWrite("cgroup.subtree_control", "+" + controller) != 0) refused.push_back(controller);
    return refused;
}

void Group::disable(const std::vector<std::string>& controllers) const noexcept {
    for (const std::string& controller : controllers)
        tryWrite("cgroup.subtree_control", "-" + controller);
}

bool Group::kill() const {
    return write("cgroup.kill", "1");
}

void Group::handOver(uid_t uid, gid_t gid) const {
    if (::fchown(fd(), uid, gid) < 0) throw errnoError("hand over a group");
    for (const char* file : {"cgroup.procs", "cgroup.threads", "cgroup.subtree_control"})
        if (::fchownat(fd(), file, uid, gid, AT_SYMLINK_NOFOLLOW) < 0) throw errnoError("hand over " + quoted(file));
}

UniqueFd Group::boundaryFile() const {
    UniqueFd file = openAttribute(fd(), "cgroup.max.depth", O_RDONLY);
    if (!file && !isAbsence(errno)) throw errnoError("open a group's boundary file");
    return file;
}

UniqueFd Group::place() const {
    UniqueFd place(::openat(fd(), ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!place) throw errnoError("open a group as a place");
    return place;
}

uid_t Group::owner() const {
    struct stat status {};
    if (::fstat(fd(), &status) < 0) throw errnoError("look at a group's owner");
    return status.st_uid;
}

} // namespace scopewright::cgroup
