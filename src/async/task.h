// SPDX-License-Identifier: LGPL-2.1-or-later
// Task<T>: a lazily started coroutine that one other coroutine awaits. See docs/decisions/0001 for the rules of use.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace scopewright::async {

template <class T>
class Task;

namespace detail {

struct PromiseBase {
    struct Final {
        bool await_ready() const noexcept { return false; }
        template <class Promise>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> finished) const noexcept {
            return finished.promise().continuation;
        }
        void await_resume() const noexcept {}
    };

    std::suspend_always initial_suspend() const noexcept { return {}; }
    Final final_suspend() const noexcept { return {}; }
    void unhandled_exception() noexcept { error = std::current_exception(); }
    void rethrow() const {
        if (error) std::rethrow_exception(error);
    }

    std::coroutine_handle<> continuation = std::noop_coroutine();
    std::exception_ptr error;
};

template <class T>
struct Promise : PromiseBase {
    Task<T> get_return_object() noexcept;
    template <class U>
    void return_value(U&& result) {
        value.emplace(std::forward<U>(result));
    }
    T take() {
        rethrow();
        return std::move(*value);
    }

    std::optional<T> value;
};

template <>
struct Promise<void> : PromiseBase {
    Task<void> get_return_object() noexcept;
    void return_void() const noexcept {}
    void take() const { rethrow(); }
};

} // namespace detail

template <class T>
class [[nodiscard]] Task {
public:
    using promise_type = detail::Promise<T>;
    using Handle = std::coroutine_handle<promise_type>;

    explicit Task(Handle handle) noexcept : handle_(handle) {}
    Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Task& operator=(Task&&) = delete;
    ~Task() {
        if (handle_) handle_.destroy();
    }

    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept {
        handle_.promise().continuation = awaiting;
        return handle_;
    }
    T await_resume() { return handle_.promise().take(); }

private:
    Handle handle_;
};

namespace detail {

template <class T>
Task<T> Promise<T>::get_return_object() noexcept {
    return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}

inline Task<void> Promise<void>::get_return_object() noexcept {
    return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

} // namespace detail

/// Awaits `work`; if it throws, awaits what `undo` returns and then rethrows. `undo` must not throw: it reports itself.
/// (The language has no co_await in a catch block.)
template <class Undo>
Task<void> orUndo(Task<void> work, Undo undo) {
    std::exception_ptr failure;
    try {
        co_await work;
    } catch (...) {
        failure = std::current_exception();
    }
    if (!failure) co_return;
    co_await undo(failure);
    std::rethrow_exception(failure);
}

/// Work that may be given up. Awaited as a named variable: true when it is over, and what it throws is thrown on.
class Abandonable {
public:
    explicit Abandonable(Task<void> work) noexcept : work_(std::move(work)) {}
    Abandonable(Abandonable&&) = delete;

    bool await_ready() const noexcept { return !work_; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept {
        waiting_ = awaiting;
        return work_->await_suspend(awaiting);
    }
    bool await_resume() {
        waiting_ = nullptr;
        if (!work_) return false;
        work_->await_resume();
        return true;
    }

    /// Destroys it where it waits, and the wait for it gives false. Not to be called by the work itself.
    void abandon() {
        work_.reset();
        // The resumed task may destroy *this.
        if (std::coroutine_handle<> waiting = std::exchange(waiting_, nullptr)) waiting.resume();
    }

private:
    std::optional<Task<void>> work_;
    std::coroutine_handle<> waiting_;
};

} // namespace scopewright::async
