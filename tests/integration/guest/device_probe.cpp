// SPDX-License-Identifier: LGPL-2.1-or-later
#include "guest/device_probe.h"

#include "guest/guest.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <stdexcept>

namespace scopewright::integration {

namespace {

struct Device {
    unsigned major;
    unsigned minor;
};

/// mem, null, kmsg, tty: every runtime allows null and tty, and nobody mem unless he is asked to.
constexpr std::array kDevices{Device{1, 1}, Device{1, 3}, Device{1, 11}, Device{5, 0}};

constexpr unsigned kRead = 1;
constexpr unsigned kWrite = 2;
constexpr unsigned kMake = 4;

/// Nodes outside of /dev and /run, which are mounted nodev in some guests.
class Nodes {
public:
    Nodes() {
        std::string pattern = "/var/tmp/scopewright-nodes-XXXXXX";
        if (!::mkdtemp(pattern.data())) throw std::runtime_error("cannot make a directory for device nodes");
        directory_ = pattern;
        for (std::size_t i = 0; i < kDevices.size(); ++i)
            paths_[i] = directory_ + "/" + std::to_string(i);
        fresh_ = directory_ + "/new";
        for (std::size_t i = 0; i < kDevices.size(); ++i)
            if (::mknod(paths_[i].c_str(), S_IFCHR | 0600, number(i)) != 0)
                throw std::runtime_error("cannot make device nodes");
    }
    Nodes(Nodes&&) = delete;
    ~Nodes() {
        std::error_code ignored;
        std::filesystem::remove_all(directory_, ignored);
    }

    /// Only system calls: it runs in a child. A refusal of the program is EPERM; anything else came after it.
    unsigned tryOne(std::size_t device) const {
        unsigned allowed = 0;
        if (opens(device, O_RDONLY)) allowed |= kRead;
        if (opens(device, O_WRONLY)) allowed |= kWrite;
        if (::mknod(fresh_.c_str(), S_IFCHR | 0600, number(device)) == 0 || errno != EPERM) allowed |= kMake;
        ::unlink(fresh_.c_str());
        return allowed;
    }

private:
    static dev_t number(std::size_t device) { return makedev(kDevices[device].major, kDevices[device].minor); }

    bool opens(std::size_t device, int access) const {
        const int fd = ::open(paths_[device].c_str(), access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0) return errno != EPERM;
        ::close(fd);
        return true;
    }

    std::string directory_;
    std::string fresh_;
    std::array<std::string, kDevices.size()> paths_;
};

[[noreturn]] void probe(const Nodes& nodes, const char* procs, int result) {
    const int group = ::open(procs, O_WRONLY | O_CLOEXEC);
    if (group < 0 || ::write(group, "0", 1) != 1) ::_exit(1);
    std::array<unsigned, kDevices.size()> allowed{};
    for (std::size_t i = 0; i < kDevices.size(); ++i)
        allowed[i] = nodes.tryOne(i);
    ::_exit(::write(result, allowed.data(), sizeof allowed) == sizeof allowed ? 0 : 1);
}

} // namespace

std::string devicesOpenIn(const std::string& controlGroup) {
    const Nodes nodes;
    const std::string procs = directory(controlGroup) + "/cgroup.procs";
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("cannot make a pipe");
    const pid_t child = ::fork();
    if (child == 0) probe(nodes, procs.c_str(), ends[1]);
    ::close(ends[1]);
    std::array<unsigned, kDevices.size()> allowed{};
    const bool told = ::read(ends[0], allowed.data(), sizeof allowed) == sizeof allowed;
    ::close(ends[0]);
    ::waitpid(child, nullptr, 0);
    if (!told) throw std::runtime_error("no process can be put into " + controlGroup);
    std::string text;
    for (std::size_t i = 0; i < kDevices.size(); ++i) {
        std::string access;
        if (allowed[i] & kRead) access += 'r';
        if (allowed[i] & kWrite) access += 'w';
        if (allowed[i] & kMake) access += 'm';
        text += (text.empty() ? "" : ", ") + std::to_string(kDevices[i].major) + ":" +
                std::to_string(kDevices[i].minor) + " " + (access.empty() ? "-" : access);
    }
    return text;
}

} // namespace scopewright::integration
