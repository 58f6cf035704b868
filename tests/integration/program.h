// SPDX-License-Identifier: LGPL-2.1-or-later
// Another program, started without a shell, and what it has to say.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace scopewright::integration {

class Program {
public:
    /// With this process's environment. Standard output and error go to `output`, or to a file of its own.
    explicit Program(const std::vector<std::string>& argv, const std::string& output = "");
    Program(Program&&) = delete;
    /// Kills it if it still runs.
    ~Program();

    pid_t pid() const noexcept { return pid_; }
    bool running();
    void signal(int number) const;

    /// Waits until it ends: its exit status, or 128 plus the signal that ended it; nothing if it does not.
    std::optional<int> wait();

    /// What it has said so far.
    std::string output() const;

private:
    pid_t pid_ = -1;
    std::string file_;
    bool own_;
    std::optional<int> status_;
};

/// Runs a program to its end; its output. Throws if its exit status is not 0.
std::string run(const std::vector<std::string>& argv);

} // namespace scopewright::integration
