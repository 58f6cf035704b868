// SPDX-License-Identifier: LGPL-2.1-or-later
#include "guest/moment.h"

#include "wait.h"

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>
#include <stdexcept>

namespace scopewright::integration {

namespace {

constexpr int kStopAtCall = SIGTRAP | 0x80;

} // namespace

Moment::Moment(pid_t process, std::string file, std::function<void()> act)
    : process_(process), file_(std::move(file)), act_(std::move(act)), thread_([this] { run(); }) {
    if (eventually([&] { return attached_ || failed_; }) && !failed_) return;
    over_ = true;
    thread_.join();
    throw std::runtime_error("cannot trace process " + std::to_string(process));
}

Moment::~Moment() {
    over_ = true;
    thread_.join();
}

bool Moment::isIt() const {
    __ptrace_syscall_info info{};
    ::ptrace(static_cast<__ptrace_request>(PTRACE_GET_SYSCALL_INFO), process_, sizeof info, &info);
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY || info.entry.nr != SYS_write) return false;
    std::error_code error;
    const std::string link = "/proc/" + std::to_string(process_) + "/fd/" + std::to_string(info.entry.args[0]);
    return std::filesystem::read_symlink(link, error).string().ends_with(file_);
}

void Moment::run() {
    if (::ptrace(PTRACE_SEIZE, process_, nullptr, PTRACE_O_TRACESYSGOOD) < 0 ||
        ::ptrace(PTRACE_INTERRUPT, process_, nullptr, nullptr) < 0) {
        failed_ = true;
        return;
    }
    for (bool asked = false;;) {
        int status = 0;
        // The test's own children are another thread's.
        const pid_t stopped = ::waitpid(process_, &status, __WALL | __WNOTHREAD | WNOHANG);
        if (stopped < 0 || (stopped > 0 && !WIFSTOPPED(status))) return;
        if (stopped == 0) {
            if (over_ && !asked) asked = ::ptrace(PTRACE_INTERRUPT, process_, nullptr, nullptr) == 0;
            ::poll(nullptr, 0, 1);
            continue;
        }
        const bool atCall = WSTOPSIG(status) == kStopAtCall;
        const int signal = atCall || status >> 16 != 0 ? 0 : WSTOPSIG(status);
        if (atCall && !over_ && isIt()) {
            act_();
            come_ = over_ = true;
        }
        ::ptrace(over_ ? PTRACE_DETACH : PTRACE_SYSCALL, process_, nullptr, signal);
        if (over_) return;
        attached_ = true;
    }
}

} // namespace scopewright::integration
