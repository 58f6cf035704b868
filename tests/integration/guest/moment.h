// SPDX-License-Identifier: LGPL-2.1-or-later
// The moment between two steps of another process, in which an attacker would have to act.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>

namespace scopewright::integration {

/// Calls `act`, once, when the process is about to write to a file whose path ends like this, and lets it go on after
/// that. Only the thread that attached may wait for a traced process, so `act` runs in one of its own.
class Moment {
public:
    /// Returns when nothing can be missed any more. Throws if the process cannot be traced.
    Moment(pid_t process, std::string file, std::function<void()> act);
    Moment(Moment&&) = delete;
    ~Moment();

    bool hasCome() const noexcept { return come_; }

private:
    void run();
    bool isIt() const;

    pid_t process_;
    std::string file_;
    std::function<void()> act_;
    std::atomic<bool> attached_ = false;
    std::atomic<bool> come_ = false;
    std::atomic<bool> over_ = false;
    std::atomic<bool> failed_ = false;
    std::thread thread_; ///< last, for it uses the others
};

} // namespace scopewright::integration
