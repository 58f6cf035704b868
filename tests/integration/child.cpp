// SPDX-License-Identifier: LGPL-2.1-or-later
#include "child.h"

#include "wait.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <stdexcept>

namespace scopewright::integration {

namespace {

[[noreturn]] void sleepForever() {
    for (;;)
        ::pause();
}

/// The test runner's handlers are not for its children.
void resetSignals() {
    for (int signal = 1; signal < NSIG; ++signal)
        ::signal(signal, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

} // namespace

Child::Child(const Life& life) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) < 0) throw std::runtime_error("cannot make a pipe");
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("cannot fork");
    if (pid_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) ::_exit(1);
        resetSignals();
        const int writable = ends[1];
        life([writable] {
            const char byte = 0;
            if (::write(writable, &byte, 1) != 1) ::_exit(1);
        });
        ::_exit(0);
    }
    ::close(ends[1]);
    char byte = 0;
    // The end of the pipe means that the child has exited, which is the whole life of some.
    while (::read(ends[0], &byte, 1) < 0 && errno == EINTR) {}
    ::close(ends[0]);
    pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
}

Child::~Child() {
    kill();
    reap();
    if (pidfd_ >= 0) ::close(pidfd_);
}

void Child::sleep(const std::function<void()>& ready) {
    ready();
    sleepForever();
}

void Child::ignoreTerm(const std::function<void()>& ready) {
    ::signal(SIGTERM, SIG_IGN);
    ready();
    sleepForever();
}

void Child::fork(const std::function<void()>& ready) {
    ready();
    for (;;) {
        const pid_t pid = ::fork();
        if (pid == 0) ::_exit(0);
        if (pid > 0) ::waitpid(pid, nullptr, 0);
    }
}

void Child::splitLeader(const std::function<void()>& ready) {
    pthread_t thread;
    const auto run = [](void*) -> void* { sleepForever(); };
    if (::pthread_create(&thread, nullptr, run, nullptr) != 0) ::_exit(1);
    ready();
    ::syscall(SYS_exit, 0);
}

Child::Life Child::grow(int descendants) {
    return [descendants](const std::function<void()>& ready) {
        ready();
        for (int born = 0; born < descendants; ++born) {
            const pid_t pid = ::fork();
            if (pid == 0) {
                ::prctl(PR_SET_PDEATHSIG, SIGKILL);
                sleepForever();
            }
            ::poll(nullptr, 0, 1);
        }
        sleepForever();
    };
}

Child::Life Child::ofUid(uid_t uid) {
    return [uid](const std::function<void()>& ready) {
        if (::setresgid(uid, uid, uid) < 0 || ::setresuid(uid, uid, uid) < 0) ::_exit(1);
        sleep(ready);
    };
}

Child::Life Child::exitAfter(int microseconds) {
    return [microseconds](const std::function<void()>& ready) {
        ready();
        const timespec time{0, microseconds * 1000L};
        ::nanosleep(&time, nullptr);
    };
}

bool Child::alive() const {
    pollfd exited{pidfd_, POLLIN, 0};
    return ::poll(&exited, 1, 0) == 0;
}

std::string Child::controlGroup() const {
    return controlGroupOf(pid_);
}

void Child::kill() {
    if (reaped_) return;
    ::kill(pid_, SIGKILL);
    pollfd exited{pidfd_, POLLIN, 0};
    ::poll(&exited, 1, static_cast<int>(patience().count()));
}

void Child::reap() {
    if (reaped_) return;
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {}
    reaped_ = true;
}

std::vector<std::uint32_t> numbers(const std::vector<const Child*>& children) {
    std::vector<std::uint32_t> pids;
    for (const Child* child : children)
        pids.push_back(child->number());
    return pids;
}

std::string controlGroupOf(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/cgroup");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("0::")) return line.substr(3);
    return "";
}

} // namespace scopewright::integration
