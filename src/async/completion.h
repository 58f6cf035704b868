// SPDX-License-Identifier: LGPL-2.1-or-later
// Completion<T>: a callback completes it, one task awaits it. Broadcast: one event, many waiting tasks.
#pragma once

#include <algorithm>
#include <coroutine>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

namespace scopewright::async {

/// Lives in the frame of the task that awaits it; whoever completes it must be cancelled by RAII in the same frame.
/// The first complete() or fail() counts, later ones are ignored.
template <class T>
class Completion {
public:
    Completion() noexcept {}
    Completion(Completion&&) = delete;

    bool done() const noexcept { return value_.has_value() || error_; }

    void complete(T value) {
        if (done()) return;
        value_.emplace(std::move(value));
        resume();
    }

    void fail(std::exception_ptr error) {
        if (done()) return;
        error_ = std::move(error);
        resume();
    }

    bool await_ready() const noexcept { return done(); }
    void await_suspend(std::coroutine_handle<> awaiting) noexcept { waiting_ = awaiting; }
    T await_resume() {
        if (error_) std::rethrow_exception(error_);
        return std::move(*value_);
    }

private:
    /// The resumed task may destroy *this, so nothing of it is touched afterwards.
    void resume() {
        if (std::coroutine_handle<> waiting = std::exchange(waiting_, nullptr)) waiting.resume();
    }

    std::optional<T> value_;
    std::exception_ptr error_;
    std::coroutine_handle<> waiting_;
};

/// Wakes every task that waits at the time of the call. A waiter may be destroyed, or wait again, while it is woken.
class Broadcast {
public:
    /// Awaited as a named variable: `Broadcast::Waiter changed(broadcast); co_await changed;`
    class Waiter {
    public:
        explicit Waiter(Broadcast& owner) : owner_(owner) { owner_.waiters_.push_back(this); }
        Waiter(Waiter&&) = delete;
        ~Waiter() { std::erase(owner_.waiters_, this); }

        bool await_ready() const noexcept { return fired_; }
        void await_suspend(std::coroutine_handle<> awaiting) noexcept { waiting_ = awaiting; }
        void await_resume() const noexcept {}

        /// Ends the wait, be it for the event or for want of it. The resumed task may destroy *this.
        void fire() {
            fired_ = true;
            if (std::coroutine_handle<> waiting = std::exchange(waiting_, nullptr)) waiting.resume();
        }

    private:
        Broadcast& owner_;
        std::coroutine_handle<> waiting_;
        bool fired_ = false;
    };

    Broadcast() = default;
    Broadcast(Broadcast&&) = delete;

    void notify() {
        if (closed_) return;
        const std::vector<Waiter*> present = waiters_;
        for (Waiter* waiter : present)
            if (std::ranges::find(waiters_, waiter) != waiters_.end()) waiter->fire();
    }

    /// From now on nobody is woken: at the end of the program the frames that wait are destroyed, one after the other.
    void close() noexcept { closed_ = true; }

private:
    std::vector<Waiter*> waiters_;
    bool closed_ = false;
};

} // namespace scopewright::async
