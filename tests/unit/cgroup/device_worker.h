// SPDX-License-Identifier: LGPL-2.1-or-later
// A process that asks for devices, and device nodes for it to ask for.
#pragma once

#include "catch.h"
#include "cgroup/group.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace scopewright::unit {

/// A process in a group that asks for devices when it is told to, and answers with the errno.
class DeviceWorker {
public:
    explicit DeviceWorker(const cgroup::Group& group) {
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
        ours_ = UniqueFd(ends[0]);
        const UniqueFd theirs(ends[1]);
        pid_ = ::fork();
        if (pid_ == 0) {
            ours_ = UniqueFd();
            serve(theirs.value());
        }
        group.addProcess(pid_);
    }
    ~DeviceWorker() {
        ours_ = UniqueFd();
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }

    int open(const char* path, int flags) const { return ask('o', path, flags, 0); }
    int access(const std::string& path, int mode) const { return ask('a', path, mode, 0); }
    int mknod(const std::string& path, mode_t type, dev_t device) const {
        return ask('m', path, static_cast<int>(type | 0600), device);
    }

private:
    struct Task {
        char verb;
        int number;
        dev_t device;
        char path[100];
    };

    [[noreturn]] static void serve(int socket) {
        for (Task task; ::read(socket, &task, sizeof task) == sizeof task;) {
            int result = -1;
            if (task.verb == 'o') result = ::open(task.path, task.number | O_CLOEXEC | O_NONBLOCK);
            if (task.verb == 'a') result = ::access(task.path, task.number);
            if (task.verb == 'm') result = ::mknod(task.path, static_cast<mode_t>(task.number), task.device);
            const int answer = result < 0 ? errno : 0;
            if (task.verb == 'o' && result >= 0) ::close(result);
            if (::write(socket, &answer, sizeof answer) < 0) break;
        }
        ::_exit(0);
    }

    int ask(char verb, const std::string& path, int number, dev_t device) const {
        Task task{verb, number, device, {}};
        path.copy(task.path, sizeof task.path - 1);
        int answer = -1;
        REQUIRE(::write(ours_.value(), &task, sizeof task) == sizeof task);
        REQUIRE(::read(ours_.value(), &answer, sizeof answer) == sizeof answer);
        return answer;
    }

    UniqueFd ours_;
    pid_t pid_;
};

/// A directory for device nodes, and why this process may not make any.
struct DeviceNodes {
    DeviceNodes() {
        char name[] = "/tmp/scopewright-test-XXXXXX";
        if (::mkdtemp(name)) path = name;
        if (::mknod((path + "/probe").c_str(), S_IFCHR | 0600, makedev(1, 3)) < 0) whyNot = std::strerror(errno);
    }
    ~DeviceNodes() { std::filesystem::remove_all(path); }

    std::string path;
    std::string whyNot;
};

} // namespace scopewright::unit
