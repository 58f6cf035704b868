// SPDX-License-Identifier: LGPL-2.1-or-later
#include "crash/tracer.h"

#include "crash/call.h"

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace scopewright::integration {

namespace {

/// The process must not outlive a test that dies, and a stop at a call must not look like a signal.
constexpr long kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
constexpr int kStopAtCall = SIGTRAP | 0x80;

bool waits(long call) {
    constexpr std::array kWaiting{
#ifdef SYS_epoll_wait
        SYS_epoll_wait,
#endif
#ifdef SYS_epoll_pwait2
        SYS_epoll_pwait2,
#endif
        SYS_epoll_pwait,  SYS_ppoll, SYS_futex, SYS_pause, SYS_clock_nanosleep,
    };
    return std::find(kWaiting.begin(), kWaiting.end(), call) != kWaiting.end();
}

/// Stopped by the tracer it is "t", and from the moment something wakes it "R".
bool sleeps(pid_t process, pid_t thread) {
    std::ifstream file("/proc/" + std::to_string(process) + "/task/" + std::to_string(thread) + "/stat");
    std::string line;
    std::getline(file, line);
    const std::size_t end = line.rfind(')');
    return end != std::string::npos && line.compare(end, 3, ") S") == 0;
}

} // namespace

Tracer::Tracer(pid_t process) : process_(process), thread_([this] { run(); }) {
    std::unique_lock hold(lock_);
    changed_.wait(hold, [&] { return attached_ || dead_; });
    if (failure_.empty()) return;
    hold.unlock();
    thread_.join();
    throw std::runtime_error("cannot trace process " + std::to_string(process) + ": " + failure_);
}

Tracer::~Tracer() {
    kill();
    thread_.join();
}

void Tracer::killAt(std::size_t call) {
    const std::lock_guard hold(lock_);
    calls_ = 0;
    target_ = call;
}

std::size_t Tracer::calls() const {
    const std::lock_guard hold(lock_);
    return calls_;
}

bool Tracer::asleep() const {
    const std::lock_guard hold(lock_);
    return !dead_ && std::all_of(threads_.begin(), threads_.end(), [&](const auto& thread) {
        return waits(thread.second) && sleeps(process_, thread.first);
    });
}

bool Tracer::dead() const {
    const std::lock_guard hold(lock_);
    return dead_;
}

std::string Tracer::where() const {
    const std::lock_guard hold(lock_);
    return where_;
}

void Tracer::kill() {
    std::unique_lock hold(lock_);
    // As long as the tracer has not seen its end, its number is nobody else's.
    if (!dead_) ::kill(process_, SIGKILL);
    changed_.wait(hold, [&] { return dead_; });
}

void Tracer::attach() {
    const std::string tasks = "/proc/" + std::to_string(process_) + "/task";
    for (bool more = true; more;) {
        more = false;
        for (const auto& entry : std::filesystem::directory_iterator(tasks)) {
            const pid_t thread = static_cast<pid_t>(std::stol(entry.path().filename()));
            if (threads_.contains(thread)) continue;
            if (::ptrace(PTRACE_SEIZE, thread, nullptr, kOptions) < 0) throw std::runtime_error(std::strerror(errno));
            threads_.emplace(thread, -1);
            ::ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr);
            more = true;
        }
    }
}

void Tracer::run() {
    try {
        const std::lock_guard hold(lock_);
        attach();
        attached_ = true;
    } catch (const std::exception& error) {
        const std::lock_guard hold(lock_);
        failure_ = error.what();
    }
    changed_.notify_all();
    while (failure_.empty()) {
        int status = 0;
        // The test's own children are another thread's.
        const pid_t thread = ::waitpid(-1, &status, __WALL | __WNOTHREAD);
        if (thread < 0 && errno == EINTR) continue;
        if (thread < 0) break;
        const std::lock_guard hold(lock_);
        if (!WIFSTOPPED(status)) {
            threads_.erase(thread);
            continue;
        }
        int signal = 0;
        if (WSTOPSIG(status) == kStopAtCall)
            enter(thread);
        else if (status >> 16 == 0)
            signal = WSTOPSIG(status);
        ::ptrace(PTRACE_SYSCALL, thread, nullptr, signal);
    }
    const std::lock_guard hold(lock_);
    dead_ = true;
    changed_.notify_all();
}

void Tracer::enter(pid_t thread) {
    __ptrace_syscall_info info{};
    ::ptrace(static_cast<__ptrace_request>(PTRACE_GET_SYSCALL_INFO), thread, sizeof info, &info);
    const bool enters = info.op == PTRACE_SYSCALL_INFO_ENTRY;
    threads_[thread] = enters ? static_cast<long>(info.entry.nr) : -1;
    if (!enters || ++calls_ != target_) return;
    where_ = describeCall(thread, static_cast<long>(info.entry.nr), info.entry.args);
    // At its entry a call is given up for a signal that kills.
    ::kill(process_, SIGKILL);
}

} // namespace scopewright::integration
