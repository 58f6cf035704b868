// SPDX-License-Identifier: LGPL-2.1-or-later
#include "async/scope.h"

#include "async/completion.h"
#include "catch.h"
#include "counted.h"

#include <list>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace scopewright;
using namespace scopewright::async;
using scopewright::unit::Counted;

namespace {

std::vector<std::string> errors;

void collect(std::exception_ptr error) noexcept {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& exception) {
        errors.emplace_back(exception.what());
    }
}

Task<void> throwAtOnce(std::string what) {
    throw std::runtime_error(what);
    co_return;
}

Task<void> throwLater(Completion<int>& event, std::string what) {
    co_await event;
    throw std::runtime_error(what);
}

Task<void> count(Completion<int>& event, int& ended) {
    const Counted held;
    co_await event;
    ++ended;
}

Task<void> spawnMore(Scope& scope, Completion<int>& first, Completion<int>& second, int& ended) {
    co_await first;
    scope.spawn(count(second, ended));
    ++ended;
}

/// As the daemon does when a handler drops the last request: a frame whose destructor runs code that looks at the
/// scope.
class AsksScope {
public:
    AsksScope(Scope& scope, std::size_t& seen) : scope_(scope), seen_(seen) {}
    AsksScope(const AsksScope&) = delete;
    ~AsksScope() { seen_ = scope_.running(); }

private:
    Scope& scope_;
    std::size_t& seen_;
};

Task<void> holdAsker(Scope& scope, Completion<int>& event, std::size_t& seen) {
    AsksScope asker(scope, seen);
    co_await event;
}

} // namespace

TEST_CASE("a spawned task starts at once and leaves the scope when it ends") {
    Scope scope(collect);
    Completion<int> event;
    int ended = 0;
    scope.spawn(count(event, ended));
    CHECK(scope.running() == 1);
    event.complete(1);
    CHECK(ended == 1);
    CHECK(scope.running() == 0);
    CHECK(Counted::alive() == 0);
}

TEST_CASE("what a spawned task throws goes to the scope's handler, at once or later") {
    errors.clear();
    Scope scope(collect);
    Completion<int> event;
    scope.spawn(throwAtOnce("now"));
    scope.spawn(throwLater(event, "then"));
    CHECK(errors == std::vector<std::string>{"now"});
    event.complete(1);
    CHECK(errors == std::vector<std::string>{"now", "then"});
    CHECK(scope.running() == 0);
}

TEST_CASE("the end of a scope destroys every frame that still waits, and runs none of them") {
    Completion<int> event;
    int ended = 0;
    {
        Scope scope(collect);
        for (int i = 0; i < 500; ++i)
            scope.spawn(count(event, ended));
        CHECK(scope.running() == 500);
        CHECK(Counted::alive() == 500);
    }
    CHECK(Counted::alive() == 0);
    CHECK(ended == 0);
}

TEST_CASE("five hundred tasks at once end in whatever order their events come") {
    Scope scope(collect);
    std::list<Completion<int>> events;
    int ended = 0;
    for (int i = 0; i < 500; ++i)
        scope.spawn(count(events.emplace_back(), ended));
    std::vector<Completion<int>*> order;
    for (Completion<int>& event : events)
        order.push_back(&event);
    // 7 and 500 have no common factor, so each is taken once.
    for (std::size_t i = 0; i < order.size(); ++i)
        order[i * 7 % order.size()]->complete(1);
    CHECK(ended == 500);
    CHECK(scope.running() == 0);
    CHECK(Counted::alive() == 0);
}

TEST_CASE("a running task may spawn another one in the same scope") {
    Scope scope(collect);
    Completion<int> first;
    Completion<int> second;
    int ended = 0;
    scope.spawn(spawnMore(scope, first, second, ended));
    first.complete(1);
    CHECK(ended == 1);
    CHECK(scope.running() == 1);
    second.complete(1);
    CHECK(ended == 2);
}

TEST_CASE("a frame that is destroyed with its scope may still look at the scope") {
    Completion<int> event;
    std::size_t seen = 99;
    {
        Scope scope(collect);
        scope.spawn(holdAsker(scope, event, seen));
    }
    CHECK(seen == 0);
}
