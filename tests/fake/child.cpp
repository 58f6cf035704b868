// SPDX-License-Identifier: LGPL-2.1-or-later
#include "child.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

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
    std::signal(SIGTERM, SIG_DFL);
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

} // namespace

Child::Child(const CgroupTree& tree, const std::string& controlGroup, Kind kind) {
    tree.make(controlGroup);
    int ready[2];
    int placed[2];
    if (::pipe2(ready, O_CLOEXEC) < 0 || ::pipe2(placed, O_CLOEXEC) < 0) throw std::runtime_error("pipe");
    pid_ = kind == Kind::Namespaced ? static_cast<pid_t>(::syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0))
                                    : ::fork();
    if (pid_ == 0) {
        char byte;
        ::close(placed[1]);
        [[maybe_unused]] const ssize_t got = ::read(placed[0], &byte, 1);
        live(kind, ready[1]);
    }
    ::close(placed[0]);
    ::close(ready[1]);
    if (pid_ < 0) throw std::runtime_error("fork");
    pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
    const bool moved = tree.move(controlGroup, pid_);
    ::close(placed[1]);
    char byte;
    const bool began = ::read(ready[0], &byte, 1) == 1;
    ::close(ready[0]);
    if (kind == Kind::Zombie || kind == Kind::SplitLeader) awaitZombie(pid_);
    if (!moved || !began) {
        kill();
        reap();
        ::close(pidfd_);
        throw std::runtime_error("a child " + std::string(moved ? "ended at once in " : "could not be moved to ") +
                                 controlGroup);
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
