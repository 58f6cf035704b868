// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cgroup_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <vector>

namespace scopewright::fake {

namespace {

constexpr const char* kName = "scopewright-test-";

bool isCgroup2(const std::string& path) {
    struct statfs fs {};
    return ::statfs(path.c_str(), &fs) == 0 && static_cast<unsigned long>(fs.f_type) == CGROUP2_SUPER_MAGIC;
}

/// The mount of this machine, or one of our own in a temporary directory; "" if neither can be had.
std::string findMount() {
    for (const char* path : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"})
        if (isCgroup2(path)) return path;
    static std::string own;
    if (!own.empty()) return own;
    char place[] = "/tmp/scopewright-test-cgroup2-XXXXXX";
    if (!::mkdtemp(place)) return "";
    if (::mount("cgroup2", place, "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) < 0) {
        ::rmdir(place);
        return "";
    }
    own = place;
    std::atexit([] {
        ::umount2(own.c_str(), MNT_DETACH);
        ::rmdir(own.c_str());
    });
    return own;
}

std::optional<std::string> firstChild(int dir) {
    DIR* stream = ::fdopendir(::openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!stream) return std::nullopt;
    std::optional<std::string> name;
    while (const dirent* entry = ::readdir(stream))
        if (entry->d_type == DT_DIR && std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0) {
            name = entry->d_name;
            break;
        }
    ::closedir(stream);
    return name;
}

/// One descriptor at a time: a test may have nested more groups than a path or the descriptor table can hold.
bool removeTree(const std::string& path) {
    int current = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (current < 0) return errno == ENOENT;
    std::vector<std::string> trail;
    bool clean = true;
    for (;;) {
        if (std::optional<std::string> name = firstChild(current)) {
            const int next = ::openat(current, name->c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            ::close(current);
            if (next < 0) return false;
            current = next;
            trail.push_back(*name);
            continue;
        }
        if (trail.empty()) break;
        const int parent = ::openat(current, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ::close(current);
        if (parent < 0) return false;
        current = parent;
        clean = ::unlinkat(current, trail.back().c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT;
        trail.pop_back();
        if (!clean) break;
    }
    ::close(current);
    return clean && (::rmdir(path.c_str()) == 0 || errno == ENOENT);
}

bool writeFile(const std::string& path, const std::string& text) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) return false;
    const bool done = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::close(fd);
    return done;
}

void endTree(const std::string& path) {
    writeFile(path + "/cgroup.kill", "1");
    const int events = ::open((path + "/cgroup.events").c_str(), O_RDONLY | O_CLOEXEC);
    for (int turn = 0; turn < 100 && !removeTree(path); ++turn) {
        char text[128];
        if (events >= 0 && ::pread(events, text, sizeof text, 0) < 0) break;
        pollfd change{events, POLLPRI, 0};
        ::poll(&change, events >= 0 ? 1 : 0, 50);
    }
    if (events >= 0) ::close(events);
}

/// What a test run left behind that was itself killed.
void sweep(const std::string& mountPoint) {
    std::error_code ignored;
    std::vector<std::string> stale;
    for (const auto& entry : std::filesystem::directory_iterator(mountPoint, ignored)) {
        const std::string name = entry.path().filename();
        if (name.rfind(kName, 0) != 0) continue;
        const pid_t owner = std::atoi(name.c_str() + std::strlen(kName));
        if (owner > 0 && ::kill(owner, 0) < 0 && errno == ESRCH) stale.push_back(entry.path());
    }
    for (const std::string& path : stale)
        endTree(path);
}

} // namespace

std::string CgroupTree::whyNot() {
    if (::geteuid() != 0) return "only root may make control groups";
    const std::string mountPoint = findMount();
    if (mountPoint.empty()) return "there is no cgroup2 here and it cannot be mounted";
    const std::string probe = mountPoint + "/" + kName + std::to_string(::getpid()) + "-probe";
    if (::mkdir(probe.c_str(), 0755) < 0) return "cannot make control groups: " + std::string(std::strerror(errno));
    ::rmdir(probe.c_str());
    return "";
}

CgroupTree::CgroupTree() : mountPoint_(findMount()) {
    static unsigned number = 0;
    if (mountPoint_.empty()) throw std::runtime_error("there is no cgroup2 here");
    if (number == 0) sweep(mountPoint_);
    prefix_ = std::string("/") + kName + std::to_string(::getpid()) + "-" + std::to_string(number++);
    make(prefix_);
}

CgroupTree::~CgroupTree() {
    endTree(directory(prefix_));
}

void CgroupTree::make(const std::string& controlGroup) const {
    std::error_code error;
    std::filesystem::create_directories(directory(controlGroup), error);
    if (error) throw std::runtime_error("make " + controlGroup + ": " + error.message());
}

bool CgroupTree::exists(const std::string& controlGroup) const {
    return ::access(directory(controlGroup).c_str(), F_OK) == 0;
}

std::vector<std::string> CgroupTree::below(const std::string& controlGroup) const {
    std::vector<std::string> all(1, controlGroup);
    std::error_code ignored;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory(controlGroup), ignored))
        if (entry.is_directory()) all.push_back(entry.path().string().substr(mountPoint_.size()));
    return all;
}

bool CgroupTree::populated(const std::string& controlGroup) const {
    return read(controlGroup, "cgroup.events").find("populated 1") != std::string::npos;
}

std::string CgroupTree::read(const std::string& controlGroup, const char* attribute) const {
    std::ifstream file(directory(controlGroup) + "/" + attribute);
    std::ostringstream text;
    if (file) text << file.rdbuf();
    return text.str();
}

bool CgroupTree::move(const std::string& controlGroup, pid_t pid) const {
    return writeFile(directory(controlGroup) + "/cgroup.procs", std::to_string(pid));
}

void CgroupTree::kill(const std::string& controlGroup) const {
    writeFile(directory(controlGroup) + "/cgroup.kill", "1");
}

bool CgroupTree::remove(const std::string& controlGroup) const {
    return removeTree(directory(controlGroup));
}

std::string CgroupTree::directoryOf(const std::string& controlGroup) {
    return findMount() + controlGroup;
}

std::string CgroupTree::ofProcess(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/cgroup");
    for (std::string line; std::getline(file, line);)
        if (line.rfind("0::", 0) == 0) return line.substr(3);
    return "";
}

} // namespace scopewright::fake
