// SPDX-License-Identifier: LGPL-2.1-or-later
#include "quick_moves.h"

#include "cgroup_tree.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <stdexcept>
#include <string>

namespace scopewright::fake {

namespace {

[[noreturn]] void moveForEver(int processes) {
    constexpr timespec kBetween{0, 4'000'000};
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (::write(processes, "0", 1) == 1)
        ::nanosleep(&kBetween, nullptr);
    ::_exit(1);
}

} // namespace

QuickMoves::QuickMoves() : pid_(-1) {
    const std::string here = CgroupTree::directoryOf(CgroupTree::ofProcess(::getpid()));
    const int processes = ::open((here + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC);
    if (processes >= 0) pid_ = ::fork();
    if (pid_ == 0) moveForEver(processes);
    ::close(processes);
    if (pid_ < 0) throw std::runtime_error("cannot keep moves quick in " + here);
}

QuickMoves::~QuickMoves() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

} // namespace scopewright::fake
