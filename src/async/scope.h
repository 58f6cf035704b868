// SPDX-License-Identifier: LGPL-2.1-or-later
// Scope: owns fire-and-forget tasks. Its destructor destroys the frames of those that still wait.
#pragma once

#include "async/task.h"

#include <coroutine>
#include <cstddef>
#include <exception>
#include <unordered_set>
#include <utility>

namespace scopewright::async {

class Scope {
public:
    /// `onError` gets what a spawned task threw and nobody caught.
    using OnError = void (*)(std::exception_ptr) noexcept;

    explicit Scope(OnError onError) noexcept : onError_(onError) {}
    Scope(Scope&&) = delete;
    ~Scope() {
        while (!running_.empty()) {
            std::coroutine_handle<> frame = std::coroutine_handle<>::from_address(*running_.begin());
            running_.erase(running_.begin());
            frame.destroy();
        }
    }

    /// Runs `task` up to its first wait, now.
    void spawn(Task<void> task) {
        ++spawned_;
        run(*this, std::move(task));
    }

    std::size_t running() const noexcept { return running_.size(); }
    /// How many there have been: two equal answers mean that nothing was begun in between.
    std::size_t spawned() const noexcept { return spawned_; }

private:
    struct Root {
        struct promise_type {
            promise_type(Scope& owner, Task<void>&) : scope(owner) {
                scope.running_.insert(std::coroutine_handle<promise_type>::from_promise(*this).address());
            }
            promise_type(const promise_type&) = delete;
            ~promise_type() {
                scope.running_.erase(std::coroutine_handle<promise_type>::from_promise(*this).address());
            }
            Root get_return_object() const noexcept { return {}; }
            std::suspend_never initial_suspend() const noexcept { return {}; }
            std::suspend_never final_suspend() const noexcept { return {}; }
            void return_void() const noexcept {}
            void unhandled_exception() const noexcept { scope.onError_(std::current_exception()); }

            Scope& scope;
        };
    };

    static Root run(Scope&, Task<void> task) { co_await task; }

    OnError onError_;
    std::size_t spawned_ = 0;
    std::unordered_set<void*> running_;
};

} // namespace scopewright::async
