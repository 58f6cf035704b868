// SPDX-License-Identifier: LGPL-2.1-or-later
#include "child.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace scopewright::fake {

namespace {

[[noreturn]] void sleepForEver() {
    for (;;)
        ::pause();
}

/// The second thread tells that it runs; then the first one may leave.
int report = -1;
void* secondThread(void*) {
    [[maybe_unused]] const ssize_t told = ::write(report, "x", 1);
    sleepForEver();
}

[[noreturn]] void live(Child::Kind kind, int ready) {
    // The test's handlers and its parent are not ours.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int number = 1; number < NSIG; ++number)
        std::signal(number, SIG_DFL);
    report = ready;
    if (kind == Child::Kind::OtherUid && (::setresgid(65534, 65534, 65534) < 0 || ::setresuid(65534, 65534, 65534) < 0))
        ::_exit(1);
    if (kind == Child::Kind::SplitLeader) {
        pthread_t thread;
        if (::pthread_create(&thread, nullptr, secondThread, nullptr) != 0) ::_exit(1);
        // Ends this thread alone; pthread_exit() would unwind through the test program's frames.
        for (;;)
            ::syscall(SYS_exit, 0);
    }
    [[maybe_unused]] const ssize_t told = ::write(ready, "x", 1);
    if (kind == Child::Kind::Zombie) ::_exit(0);
    while (kind == Child::Kind::Forking) {
        const pid_t pid = ::fork();
        if (pid == 0) ::_exit(0);
        ::waitpid(pid, nullptr, 0);
    }
    sleepForEver();
}

char stateOf(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    std::getline(file, line);
    const std::size_t end = line.rfind(')');
    return end == std::string::npos || end + 2 >= line.size() ? 'X' : line[end + 2];
}

/// Death is an event of the pidfd, except for a first thread that left the others behind: its state is all there is.
void awaitZombie(pid_t pid) {
    for (int turn = 0; turn < 5000 && stateOf(pid) != 'Z'; ++turn)
        ::poll(nullptr, 0, 1);
}

/// In its group from the beginning: whoever moves a process waits for all CPUs, which is most of a short test's time.
pid_t startIn(const std::string& directory, Child::Kind kind, int& pidfd) {
    const int group = ::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    clone_args how{};
    how.flags = CLONE_INTO_CGROUP | CLONE_PIDFD | (kind == Child::Kind::Namespaced ? CLONE_NEWPID : 0);
    how.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
    how.exit_signal = SIGCHLD;
    how.cgroup = static_cast<std::uint64_t>(group);
    const pid_t pid = static_cast<pid_t>(::syscall(SYS_clone3, &how, sizeof how));
    const int refusal = errno;
    ::close(group);
    errno = refusal;
    return pid;
}

} // namespace

Child::Child(const CgroupTree& tree, const std::string& controlGroup, Kind kind) {
    tree.make(controlGroup);
    int ready[2];
    if (::pipe2(ready, O_CLOEXEC) < 0) throw std::runtime_error("pipe");
    pid_ = startIn(tree.directory(controlGroup), kind, pidfd_);
    const int refusal = errno;
    if (pid_ == 0) live(kind, ready[1]);
    ::close(ready[1]);
    char byte;
    const bool began = pid_ > 0 && ::read(ready[0], &byte, 1) == 1;
    ::close(ready[0]);
    if (pid_ < 0) throw std::runtime_error("no child in " + controlGroup + ": " + std::strerror(refusal));
    if (kind == Kind::Zombie || kind == Kind::SplitLeader) awaitZombie(pid_);
    if (!began) {
        kill();
        reap();
        ::close(pidfd_);
        throw std::runtime_error("a child ended at once in " + controlGroup);
    }
}

Child::~Child() {
    if (!reaped_) {
        ::kill(pid_, SIGKILL);
        reap();
    }
    if (pidfd_ >= 0) ::close(pidfd_);
}

bool Child::alive() const {
    if (reaped_) return false;
    pollfd ended{pidfd_, POLLIN, 0};
    return ::poll(&ended, 1, 0) == 0;
}

void Child::kill() {
    ::kill(pid_, SIGKILL);
    pollfd ended{pidfd_, POLLIN, 0};
    ::poll(&ended, 1, 5000);
}

void Child::reap() {
    if (reaped_) return;
    int status = 0;
    ::waitpid(pid_, &status, 0);
    reaped_ = true;
}

bool refusedTo(uid_t uid, const std::function<void()>& act) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        if (::setresgid(uid, uid, uid) < 0 || ::setresuid(uid, uid, uid) < 0) ::_exit(2);
        try {
            act();
        } catch (...) {
            ::_exit(1);
        }
        ::_exit(0);
    }
    int status = 0;
    return pid > 0 && ::waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

} // namespace scopewright::fake
