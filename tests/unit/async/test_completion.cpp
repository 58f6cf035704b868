// SPDX-License-Identifier: LGPL-2.1-or-later
#include "async/completion.h"

#include "async/scope.h"
#include "async/task.h"
#include "catch.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace scopewright;
using namespace scopewright::async;

namespace {

void ignore(std::exception_ptr) noexcept {}

Task<void> take(Completion<int>& event, std::optional<int>& result) {
    int value = co_await event;
    result = value;
}

Task<void> takeText(Completion<int>& event, std::string& text) {
    try {
        co_await event;
    } catch (const Error& error) {
        text = error.what();
    }
}

/// Its completion lives in its own frame, as all of them do in the daemon.
Task<void> ownEvent(Completion<int>*& event, int& ended) {
    Completion<int> own;
    event = &own;
    co_await own;
    ++ended;
}

Task<void> waitOnce(Broadcast& broadcast, std::vector<int>& order, int number) {
    Broadcast::Waiter changed(broadcast);
    co_await changed;
    order.push_back(number);
}

Task<void> waitTwice(Broadcast& broadcast, std::vector<int>& order, int number) {
    co_await waitOnce(broadcast, order, number);
    co_await waitOnce(broadcast, order, number);
}

Task<void> waitThenDestroy(Broadcast& broadcast, std::unique_ptr<Scope>& victim, std::vector<int>& order, int number) {
    co_await waitOnce(broadcast, order, number);
    victim.reset();
}

} // namespace

TEST_CASE("a completion that came before the await is not lost") {
    Completion<int> event;
    event.complete(4);
    Scope scope(ignore);
    std::optional<int> result;
    scope.spawn(take(event, result));
    CHECK(result == 4);
}

TEST_CASE("only the first completion counts") {
    Completion<int> event;
    event.complete(1);
    event.complete(2);
    event.fail(std::make_exception_ptr(Error(ErrorCode::Failed, "late")));
    Scope scope(ignore);
    std::optional<int> result;
    scope.spawn(take(event, result));
    CHECK(result == 1);
}

TEST_CASE("only the first failure counts") {
    Completion<int> event;
    event.fail(std::make_exception_ptr(Error(ErrorCode::Failed, "first")));
    event.complete(2);
    CHECK(event.done());
    Scope scope(ignore);
    std::string text;
    scope.spawn(takeText(event, text));
    CHECK(text == "first");
}

TEST_CASE("a failure is thrown where the task waits") {
    Completion<int> event;
    Scope scope(ignore);
    std::string text;
    scope.spawn(takeText(event, text));
    CHECK_FALSE(event.done());
    event.fail(std::make_exception_ptr(Error(ErrorCode::Timeout, "too late")));
    CHECK(text == "too late");
}

TEST_CASE("a task that is woken may destroy the completion that woke it") {
    Scope scope(ignore);
    Completion<int>* event = nullptr;
    int ended = 0;
    scope.spawn(ownEvent(event, ended));
    REQUIRE(event);
    event->complete(1);
    CHECK(ended == 1);
    CHECK(scope.running() == 0);
}

TEST_CASE("a thousand completions in a row need no thousand stack frames of tasks") {
    Scope scope(ignore);
    int ended = 0;
    for (int i = 0; i < 1000; ++i) {
        Completion<int>* event = nullptr;
        scope.spawn(ownEvent(event, ended));
        event->complete(i);
    }
    CHECK(ended == 1000);
}

TEST_CASE("a broadcast wakes everyone who waits, in order, and nobody twice") {
    Broadcast broadcast;
    Scope scope(ignore);
    std::vector<int> order;
    broadcast.notify();
    for (int i = 0; i < 3; ++i)
        scope.spawn(waitOnce(broadcast, order, i));
    CHECK(order.empty());
    broadcast.notify();
    CHECK(order == std::vector<int>{0, 1, 2});
    broadcast.notify();
    CHECK(order.size() == 3);
    CHECK(scope.running() == 0);
}

TEST_CASE("who waits again while it is woken waits for the next time") {
    Broadcast broadcast;
    Scope scope(ignore);
    std::vector<int> order;
    scope.spawn(waitTwice(broadcast, order, 1));
    broadcast.notify();
    CHECK(order == std::vector<int>{1});
    broadcast.notify();
    CHECK(order == std::vector<int>{1, 1});
}

TEST_CASE("a woken task may destroy another one that waits for the same") {
    Broadcast broadcast;
    Scope scope(ignore);
    std::unique_ptr<Scope> victim = std::make_unique<Scope>(ignore);
    std::vector<int> order;
    scope.spawn(waitThenDestroy(broadcast, victim, order, 1));
    victim->spawn(waitOnce(broadcast, order, 2));
    broadcast.notify();
    CHECK(order == std::vector<int>{1});
    CHECK_FALSE(victim);
    broadcast.notify();
    CHECK(order == std::vector<int>{1});
}
