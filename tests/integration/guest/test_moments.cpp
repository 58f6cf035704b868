// SPDX-License-Identifier: LGPL-2.1-or-later
// Processes that become others, or others', while the daemon deals with them.
#include "catch.h"
#include "error_names.h"
#include "guest/moment.h"
#include "guest/users.h"

#include <linux/sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>

using namespace scopewright::integration;
using scopewright::BorrowedFds;
using scopewright::Properties;

namespace {

const std::uint64_t kNoFlags = 0;

using Pids = std::vector<std::uint32_t>;

/// A process of the user's that has just this number, which nobody has at the moment.
class Numbered {
public:
    Numbered(pid_t number, const User& user) : pid_(start(number)) {
        if (pid_ == 0) {
            // The memory is that of a process with other threads, whose locks nobody opens any more.
            ::syscall(SYS_setresuid, user.uid, user.uid, user.uid);
            for (;;)
                ::pause();
        }
    }
    Numbered(Numbered&&) = delete;
    ~Numbered() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }

    pid_t pid() const noexcept { return pid_; }

private:
    static pid_t start(pid_t number) {
        clone_args arguments{};
        arguments.exit_signal = SIGCHLD;
        arguments.set_tid = reinterpret_cast<std::uint64_t>(&number);
        arguments.set_tid_size = 1;
        return static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
    }

    pid_t pid_;
};

} // namespace

TEST_CASE("a number that has become another one's is not moved for who had it", "[users][attack-19]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    Town town;
    const Worker first(town.guest, kAnna);
    createdBy(tryCreateAs(town.anna, "web", {&first.child}));
    Worker gone(town.guest, kAnna);
    gone.child.kill();
    gone.child.reap();
    const Numbered heir(gone.child.pid(), kBert);
    REQUIRE(heir.pid() == gone.child.pid());
    const std::string home = controlGroupOf(heir.pid());
    const auto check = [&](const Answer& byNumber, const Answer& byFd) {
        CHECK(byNumber.error == kDenied);
        CHECK(byFd.error == kNoProcess);
        CHECK(controlGroupOf(heir.pid()) == home);
    };
    check(town.anna.manager("AttachProcesses", "web", "payload", Pids{gone.child.number()}),
          town.anna.manager("AttachProcessFDs", "web", "payload", BorrowedFds{{gone.child.pidfd()}}));
    const Properties byFd{{"PIDFDs", BorrowedFds{{gone.child.pidfd()}}}};
    check(tryCreateAs(town.anna, "more", {&gone.child}), town.anna.manager("CreateSandbox", "more", byFd, kNoFlags));
}

TEST_CASE("a process that becomes root's between the check and the move goes back to where it was",
          "[users][attack-30]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    Town town;
    const std::string program = "/usr/local/bin/scopewright-test-sleep";
    std::filesystem::copy_file("/bin/sleep", program, std::filesystem::copy_options::overwrite_existing);
    REQUIRE(::chmod(program.c_str(), 04755) == 0);
    const Worker first(town.guest, kAnna);
    const Created created = createdBy(tryCreateAs(town.anna, "web", {&first.child}));
    const Worker changing(town.guest, kAnna, [&](const std::function<void()>& ready) {
        sigset_t go;
        sigemptyset(&go);
        sigaddset(&go, SIGUSR1);
        ::sigprocmask(SIG_BLOCK, &go, nullptr);
        ready();
        int signal = 0;
        ::sigwait(&go, &signal);
        ::execl(program.c_str(), "sleep", "1000", nullptr);
    });
    const std::string home = changing.child.controlGroup();
    // A unit whose last process has left is stopped by PID 1; so it keeps one.
    const Child keeper(ofUser(kAnna));
    REQUIRE(moveInto(home, keeper.pid()) == 0);
    const auto uids = [&] {
        std::ifstream file("/proc/" + std::to_string(changing.child.pid()) + "/status");
        for (std::string line; std::getline(file, line);)
            if (line.starts_with("Uid:")) return line;
        return std::string();
    };
    std::string during;
    const Moment moment(town.guest.daemonPid(), created.payload() + "/cgroup.procs", [&] {
        ::kill(changing.child.pid(), SIGUSR1);
        eventually([&] { return uids() == "Uid:\t2001\t0\t0\t0"; });
        during = changing.child.controlGroup();
    });
    CHECK(town.anna.manager("AttachProcesses", "web", "payload", Pids{changing.child.number()}).error == kDenied);
    CHECK(moment.hasCome());
    CHECK(uids() == "Uid:\t2001\t0\t0\t0");
    CHECK(during == home);
    CHECK(changing.child.alive());
    CHECK(changing.child.controlGroup() == home);
    std::filesystem::remove(program);
}

TEST_CASE("a process that gets the number between the check and the move is led back to where its parent lives",
          "[users][attack-19]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    Town town;
    const Worker first(town.guest, kAnna);
    const Created created = createdBy(tryCreateAs(town.anna, "web", {&first.child}));
    Worker gone(town.guest, kAnna);
    std::optional<Numbered> heir;
    const Moment moment(town.guest.daemonPid(), created.payload() + "/cgroup.procs", [&] {
        gone.child.kill();
        gone.child.reap();
        heir.emplace(gone.child.pid(), kBert);
    });
    CHECK(town.anna.manager("AttachProcesses", "web", "payload", Pids{gone.child.number()}).error == kNoProcess);
    CHECK(moment.hasCome());
    REQUIRE(heir);
    REQUIRE(heir->pid() == gone.child.pid());
    CHECK(controlGroupOf(heir->pid()) == controlGroupOf(::getpid()));
    CHECK(processesOf(created.payload()) == std::vector<pid_t>{first.child.pid()});
}
