// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sandbox/process.h"

#include "base/error.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

namespace scopewright::sandbox {

namespace {

std::string procPath(pid_t pid, const char* file) {
    return "/proc/" + std::to_string(pid) + "/" + file;
}

std::string named(pid_t pid) {
    return "process " + std::to_string(pid);
}

Error unknown(pid_t pid) {
    return Error(ErrorCode::ProcessUnknown, named(pid) + " does not exist or has exited");
}

/// What proc_pid_stat(5) says behind the command name, which is in parentheses and may hold anything.
struct Stat {
    char state = 'X';
    unsigned long flags = 0;
    long threads = 0;
};

std::optional<Stat> readStat(pid_t pid) {
    std::ifstream file(procPath(pid, "stat"));
    std::string line;
    if (!std::getline(file, line, '\0')) return std::nullopt;
    const std::size_t end = line.rfind(')');
    if (end == std::string::npos) return std::nullopt;
    std::istringstream rest(line.substr(end + 1));
    Stat stat;
    std::string skipped;
    rest >> stat.state;
    for (int field = 4; field <= 8; ++field)
        rest >> skipped;
    rest >> stat.flags;
    for (int field = 10; field <= 19; ++field)
        rest >> skipped;
    rest >> stat.threads;
    if (!rest) return std::nullopt;
    return stat;
}

/// The values of a line of proc_pid_status(5), such as the four of "Uid:".
std::vector<std::string> statusLine(pid_t pid, std::string_view key) {
    std::ifstream file(procPath(pid, "status"));
    std::vector<std::string> values;
    for (std::string line; std::getline(file, line);) {
        if (!line.starts_with(key)) continue;
        std::istringstream rest(line.substr(key.size()));
        for (std::string value; rest >> value;)
            values.push_back(value);
        break;
    }
    return values;
}

std::string wholeFile(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

} // namespace

std::string controlGroupOf(pid_t pid) {
    std::ifstream file(procPath(pid, "cgroup"));
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("0::")) return line.substr(3);
    return "";
}

Process Process::byNumber(std::uint32_t number) {
    if (number == 0) throw Error(ErrorCode::InvalidArgument, "process 0 is no process");
    if (number > INT_MAX) throw Error(ErrorCode::ProcessUnknown, "process " + std::to_string(number) + " cannot exist");
    const pid_t pid = static_cast<pid_t>(number);
    UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd && (errno == EINVAL || errno == ENOENT))
        throw Error(ErrorCode::InvalidArgument, named(pid) + " is a thread, not a process");
    if (!pidfd && errno == ESRCH) throw unknown(pid);
    if (!pidfd) throw errnoError("open " + named(pid));
    return Process(pid, std::move(pidfd));
}

Process Process::byFd(int pidfd) {
    std::ifstream info("/proc/self/fdinfo/" + std::to_string(pidfd));
    std::optional<pid_t> pid;
    for (std::string line; std::getline(info, line);)
        if (line.starts_with("Pid:")) pid = static_cast<pid_t>(std::stol(line.substr(4)));
    if (!pid) throw Error(ErrorCode::InvalidArgument, "a descriptor in PIDFDs is not a pidfd");
    if (*pid < 0) throw Error(ErrorCode::ProcessUnknown, "the process of a pidfd has exited");
    if (*pid == 0) throw Error(ErrorCode::NotSupported, "the process of a pidfd is not in this pid namespace");
    UniqueFd own(::fcntl(pidfd, F_DUPFD_CLOEXEC, 3));
    if (!own) throw errnoError("keep the pidfd of " + named(*pid));
    return Process(*pid, std::move(own));
}

bool Process::alive() const noexcept {
    pollfd exited{pidfd_.value(), POLLIN, 0};
    return ::poll(&exited, 1, 0) == 0;
}

void Process::signal(int signal) const {
    if (::syscall(SYS_pidfd_send_signal, pidfd(), signal, nullptr, 0) < 0 && errno != ESRCH)
        throw errnoError("signal " + named(pid_));
}

std::string Process::controlGroup() const {
    std::string path = controlGroupOf(pid_);
    return alive() ? path : std::string();
}

void Process::checkMovableBy(uid_t uid) const {
    constexpr unsigned long kKernelThread = 0x00200000;
    const auto refuse = [&](const std::string& why) {
        throw Error(ErrorCode::ProcessNotAllowed, named(pid_) + " " + why);
    };
    if (pid_ == 1) refuse("is the system manager");
    if (pid_ == ::getpid()) refuse("is this daemon");
    const std::optional<Stat> stat = readStat(pid_);
    if (stat && (stat->flags & kKernelThread) != 0) refuse("is a kernel thread");
    // A leader that has exited while its threads live would stay behind when they are moved, and cgroup.kill then
    // passes them by.
    if (stat && (stat->state == 'Z' || stat->state == 'X') && stat->threads > 1)
        refuse("has threads but its leader has exited");
    if (!stat || stat->state == 'Z' || stat->state == 'X' || !alive()) throw unknown(pid_);
    if (uid == 0) return; // root may move everybody's
    const std::vector<std::string> uids = statusLine(pid_, "Uid:");
    if (uids.size() != 4 || !alive()) throw unknown(pid_);
    if (!std::ranges::all_of(uids, [&](const std::string& id) { return id == std::to_string(uid); }))
        throw Error(ErrorCode::AccessDenied, named(pid_) + " does not belong to uid " + std::to_string(uid));
}

void Process::checkUserNamespaceOf(pid_t caller) const {
    for (const char* file : {"uid_map", "gid_map"}) {
        const std::string mine = wholeFile(procPath(pid_, file));
        if (mine.empty() || mine != wholeFile(procPath(caller, file)))
            throw Error(ErrorCode::AccessDenied, named(pid_) + " lives in another user namespace than the caller");
    }
}

void Process::rememberSource(const cgroup::Group& root) {
    sourcePath_ = controlGroup();
    if (sourcePath_.empty()) throw unknown(pid_);
    // PID 1 has put the daemon there before it ran.
    static const std::string own = controlGroupOf(::getpid());
    if (sourcePath_ == own && sourcePath_ != "/")
        throw Error(ErrorCode::ProcessNotAllowed, named(pid_) + " belongs to this daemon's service");
    if (sourcePath_.starts_with("/.."))
        throw Error(ErrorCode::ProcessNotAllowed, named(pid_) + " lives outside the cgroups this daemon can see");
    source_ = sourcePath_ == "/" ? root.duplicate() : root.open(sourcePath_);
}

pid_t processOfThread(pid_t tid) {
    const std::vector<std::string> group = statusLine(tid, "Tgid:");
    return group.empty() ? 0 : static_cast<pid_t>(std::strtol(group.front().c_str(), nullptr, 10));
}

pid_t parentOf(pid_t pid) {
    const std::vector<std::string> parent = statusLine(pid, "PPid:");
    return parent.empty() ? 0 : static_cast<pid_t>(std::strtol(parent.front().c_str(), nullptr, 10));
}

bool sharesPidNamespace(pid_t caller) {
    // NSpid lists the number in each namespace from ours down to the process's own.
    return statusLine(caller, "NSpid:").size() == 1;
}

} // namespace scopewright::sandbox
