// SPDX-License-Identifier: LGPL-2.1-or-later
#include "async/task.h"

#include "async/completion.h"
#include "async/scope.h"
#include "catch.h"
#include "counted.h"

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace scopewright;
using namespace scopewright::async;
using scopewright::unit::Counted;

namespace {

Task<int> seven() {
    co_return 7;
}

Task<int> throwing() {
    throw std::runtime_error("no seven");
    co_return 0;
}

Task<std::string> joined(Completion<std::string>& first, Completion<std::string>& second) {
    std::string a = co_await first;
    std::string b = co_await second;
    co_return a + b;
}

Task<std::unique_ptr<int>> moveOnly() {
    std::unique_ptr<int> value = std::make_unique<int>(3);
    co_return value;
}

Task<int> deep(int levels, Completion<int>& bottom) {
    if (levels == 0) {
        int value = co_await bottom;
        co_return value;
    }
    int below = co_await deep(levels - 1, bottom);
    co_return below + 1;
}

Task<void> note(std::vector<std::string>& notes, std::string what) {
    notes.push_back(std::move(what));
    co_return;
}

Task<void> failing(Completion<int>& event) {
    co_await event;
    throw Error(ErrorCode::Busy, "the work failed");
}

template <class T>
Task<void> store(Task<T> task, std::optional<T>& result) {
    T value = co_await task;
    result.emplace(std::move(value));
}

Task<void> catchText(Task<int> task, std::string& text) {
    try {
        co_await task;
    } catch (const std::exception& error) {
        text = error.what();
    }
}

Task<void> undone(Completion<int>& event, std::vector<std::string>& notes) {
    const auto undo = [&notes](std::exception_ptr) { return note(notes, "undo"); };
    try {
        co_await orUndo(failing(event), undo);
    } catch (const Error& error) {
        notes.push_back(error.what());
    }
}

Task<void> kept(std::vector<std::string>& notes) {
    const auto undo = [&notes](std::exception_ptr) { return note(notes, "undo"); };
    co_await orUndo(note(notes, "work"), undo);
    notes.push_back("after");
}

Task<void> holding(Completion<int>& event, Counted held) {
    const Counted local = held;
    co_await event;
}

Task<void> chain(int levels, Completion<int>& event) {
    const Counted local;
    if (levels > 0)
        co_await chain(levels - 1, event);
    else
        co_await event;
}

void ignore(std::exception_ptr) noexcept {}

} // namespace

TEST_CASE("a task runs only when it is awaited") {
    std::vector<std::string> notes;
    {
        Task<void> task = note(notes, "ran");
        CHECK(notes.empty());
    }
    CHECK(notes.empty());
    Scope scope(ignore);
    scope.spawn(note(notes, "ran"));
    CHECK(notes == std::vector<std::string>{"ran"});
}

TEST_CASE("a task gives its value to the one who awaits it") {
    Scope scope(ignore);
    std::optional<int> number;
    scope.spawn(store(seven(), number));
    CHECK(number == 7);
    std::optional<std::unique_ptr<int>> pointer;
    scope.spawn(store(moveOnly(), pointer));
    REQUIRE(pointer);
    CHECK(**pointer == 3);
}

TEST_CASE("what a task throws arrives where it is awaited") {
    Scope scope(ignore);
    std::string text;
    scope.spawn(catchText(throwing(), text));
    CHECK(text == "no seven");
}

TEST_CASE("a task goes on where it stood, in the order of the events it waits for") {
    Scope scope(ignore);
    Completion<std::string> first;
    Completion<std::string> second;
    std::optional<std::string> result;
    scope.spawn(store(joined(first, second), result));
    second.complete("b");
    CHECK_FALSE(result);
    first.complete("a");
    CHECK(result == "ab");
}

TEST_CASE("a value comes up through a hundred suspended tasks") {
    Scope scope(ignore);
    Completion<int> bottom;
    std::optional<int> result;
    scope.spawn(store(deep(100, bottom), result));
    CHECK_FALSE(result);
    bottom.complete(1);
    CHECK(result == 101);
}

TEST_CASE("an exception comes up through a hundred suspended tasks") {
    Scope scope(ignore);
    Completion<int> bottom;
    std::string text;
    scope.spawn(catchText(deep(100, bottom), text));
    bottom.fail(std::make_exception_ptr(std::runtime_error("from below")));
    CHECK(text == "from below");
}

TEST_CASE("destroying a chain of suspended tasks destroys what each of them holds") {
    Completion<int> event;
    {
        Scope scope(ignore);
        scope.spawn(chain(50, event));
        scope.spawn(holding(event, Counted()));
        CHECK(Counted::alive() > 50);
    }
    CHECK(Counted::alive() == 0);
}

TEST_CASE("orUndo undoes once when the work throws, then throws on") {
    Scope scope(ignore);
    Completion<int> event;
    std::vector<std::string> notes;
    scope.spawn(undone(event, notes));
    CHECK(notes.empty());
    event.complete(1);
    CHECK(notes == std::vector<std::string>{"undo", "the work failed"});
}

TEST_CASE("orUndo leaves good work alone") {
    Scope scope(ignore);
    std::vector<std::string> notes;
    scope.spawn(kept(notes));
    CHECK(notes == std::vector<std::string>{"work", "after"});
}

TEST_CASE("work that is given up is destroyed where it waits, and other work goes on to its end") {
    Completion<int> event;
    std::vector<std::string> notes;
    Abandonable* current = nullptr;
    const auto waits = [](Completion<int>& on, std::vector<std::string>& to) -> Task<void> {
        const Counted counted;
        int value = co_await on;
        to.push_back("worked " + std::to_string(value));
    };
    const auto awaits = [](Task<void> work, Abandonable*& as, std::vector<std::string>& to) -> Task<void> {
        Abandonable abandonable(std::move(work));
        as = &abandonable;
        try {
            const bool over = co_await abandonable;
            to.push_back(over ? "over" : "given up");
        } catch (const Error& error) {
            to.push_back(error.what());
        }
    };
    Scope scope([](std::exception_ptr) noexcept {});
    scope.spawn(awaits(waits(event, notes), current, notes));
    CHECK(Counted::alive() == 1);
    current->abandon();
    CHECK(Counted::alive() == 0);
    CHECK(notes == std::vector<std::string>{"given up"});
    CHECK(scope.running() == 0);
    Completion<int> second;
    scope.spawn(awaits(waits(second, notes), current, notes));
    second.complete(2);
    CHECK(notes == std::vector<std::string>{"given up", "worked 2", "over"});
    Completion<int> third;
    scope.spawn(awaits(failing(third), current, notes));
    third.complete(3);
    CHECK(notes.back() == "the work failed");
    // Before it has begun.
    Completion<int> never;
    Abandonable unborn(waits(never, notes));
    unborn.abandon();
    const auto look = [](Abandonable& at, std::vector<std::string>& to) -> Task<void> {
        const bool over = co_await at;
        to.push_back(over ? "over" : "given up before");
    };
    scope.spawn(look(unborn, notes));
    CHECK(notes.back() == "given up before");
    CHECK(Counted::alive() == 0);
}
