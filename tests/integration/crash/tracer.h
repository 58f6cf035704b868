// SPDX-License-Identifier: LGPL-2.1-or-later
// Another process, followed with ptrace from one system call to the next, and killed at the one that is chosen.
//
// Only the thread that attached may wait for a traced process, so that is one of the tracer's own; everybody else is
// free to talk to the process meanwhile.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <thread>

namespace scopewright::integration {

class Tracer {
public:
    /// Attaches to all threads of the process, which runs on. Throws if that cannot be done.
    explicit Tracer(pid_t process);
    Tracer(Tracer&&) = delete;
    /// Kills it if it still lives.
    ~Tracer();

    /// Counts from 0 again, and kills the process with SIGKILL as it enters its `call`-th call from now on, which is
    /// then not carried out. 0: it lives.
    void killAt(std::size_t call);

    /// How many calls it has entered since.
    std::size_t calls() const;

    /// Does every thread wait for something to happen? A process that has got a message does not, from the moment it
    /// was sent.
    bool asleep() const;

    bool dead() const;

    /// Where it was killed, for people: "mkdirat payload in /sys/fs/cgroup/a.slice".
    std::string where() const;

    /// SIGKILL, and waits until it is dead.
    void kill();

private:
    void run();
    void attach();
    void enter(pid_t thread);

    pid_t process_;
    mutable std::mutex lock_;
    std::condition_variable changed_;
    std::map<pid_t, long> threads_; ///< the call in which each of them is; -1 if in none
    std::size_t calls_ = 0;
    std::size_t target_ = 0;
    bool attached_ = false;
    bool dead_ = false;
    std::string where_;
    std::string failure_;
    std::thread thread_; ///< last, for it uses the others
};

} // namespace scopewright::integration
