// SPDX-License-Identifier: LGPL-2.1-or-later
// Whose turn it is where there is not room for all.
#include "bus/turns.h"

#include "async/scope.h"
#include "catch.h"
#include "link.h"

#include <optional>
#include <set>
#include <string>
#include <vector>

using namespace scopewright;
using namespace scopewright::bus;
using namespace std::chrono_literals;

namespace {

using Order = std::vector<std::string>;

constexpr uid_t kAlice = 1001;
constexpr uid_t kBob = 1002;
constexpr uid_t kCarol = 1003;

/// Jobs by name, each of which is under way until it is ended.
class Jobs {
public:
    explicit Jobs(std::size_t most, std::size_t mostOfUser) : room{most, mostOfUser} {}

    void ask(uid_t uid, const std::string& name, std::chrono::milliseconds patience = 10s) {
        tasks_.spawn(run(uid, name, patience));
    }
    /// Ends it, and lets the loop serve whom that makes room for.
    void end(const std::string& name) {
        over_.insert(name);
        over.notify();
        link.settle();
    }
    /// These are over as soon as they have begun.
    void overBefore(const Order& names) { over_.insert(names.begin(), names.end()); }
    /// All that is under way, until nothing is.
    void endAll() {
        while (ended_ < begun.size()) {
            const Order now(begun.begin() + static_cast<std::ptrdiff_t>(ended_), begun.end());
            ended_ = begun.size();
            for (const std::string& name : now)
                end(name);
        }
    }

    fake::Link link;
    Turns::Room room;
    Order begun;
    Order refused;
    async::Broadcast over;
    /// All that there is is root's.
    Turns turns{link.event(),
                [this](uid_t uid) {
                    return Turns::Room{room.inAll, uid == 0 ? room.inAll : room.ofUser};
                },
                "busy"};

private:
    async::Task<void> run(uid_t uid, std::string name, std::chrono::milliseconds patience) {
        try {
            Turns::Turn turn = co_await turns.take(uid, patience);
            begun.push_back(name);
            while (!over_.contains(name)) {
                async::Broadcast::Waiter waiter(over);
                co_await waiter;
            }
        } catch (const Error& error) {
            refused.push_back(name + " " + std::string(dbusName(error.code())));
        }
    }

    std::set<std::string> over_;
    std::size_t ended_ = 0;
    async::Scope tasks_{fake::Link::unexpected};
};

} // namespace

TEST_CASE("users' jobs are served in turn, and each user's in the order of asking", "[attack-59]") {
    Jobs jobs(1, 1);
    jobs.ask(0, "r0");
    for (const char* name : {"a1", "a2", "a3", "a4"})
        jobs.ask(kAlice, name);
    for (const char* name : {"b1", "b2"})
        jobs.ask(kBob, name);
    jobs.ask(kCarol, "c1");
    jobs.ask(0, "r1");
    CHECK(jobs.begun == Order{"r0"});
    jobs.endAll();
    CHECK(jobs.begun == Order{"r0", "a1", "b1", "c1", "r1", "a2", "b2", "a3", "a4"});
}

TEST_CASE("one user has no more than its share of the room, and root all that is left", "[attack-59]") {
    Jobs jobs(5, 2);
    for (const char* name : {"a1", "a2", "a3"})
        jobs.ask(kAlice, name);
    for (const char* name : {"r1", "r2", "r3", "r4"})
        jobs.ask(0, name);
    CHECK(jobs.begun == Order{"a1", "a2", "r1", "r2", "r3"});
    // Bob has nothing under way, but there is no room at all.
    jobs.ask(kBob, "b1");
    // One of root's goes: a3 is first in the line, but Alice has her share.
    jobs.end("r1");
    CHECK(jobs.begun.back() == "r4");
    jobs.end("r2");
    CHECK(jobs.begun.back() == "b1");
    jobs.end("a1");
    CHECK(jobs.begun.back() == "a3");
    CHECK(jobs.begun.size() == 8);
}

TEST_CASE("who comes while others wait does not take what they wait for", "[attack-59]") {
    Jobs jobs(1, 1);
    jobs.ask(kAlice, "a1");
    jobs.ask(kBob, "b1");
    // The room is given back, and before the loop has served anybody somebody else asks.
    jobs.room.inAll = 2;
    jobs.ask(kCarol, "c1");
    CHECK(jobs.begun == Order{"a1"});
    jobs.end("a1");
    CHECK(jobs.begun == Order{"a1", "b1", "c1"});
}

TEST_CASE("who waits too long is told so, and its place is the next one's") {
    Jobs jobs(1, 1);
    jobs.ask(0, "r0");
    jobs.ask(kAlice, "a1", 1ms);
    jobs.ask(kAlice, "a2");
    REQUIRE(jobs.link.until([&] { return !jobs.refused.empty(); }));
    CHECK(jobs.refused == Order{"a1 org.freedesktop.DBus.Error.Timeout"});
    jobs.end("r0");
    CHECK(jobs.begun == Order{"r0", "a2"});
}

TEST_CASE("a long line of those who have had enough at once is no deep one") {
    Jobs jobs(1, 1);
    jobs.ask(0, "r0");
    std::vector<std::string> names;
    for (int i = 0; i < 20000; ++i) {
        names.push_back("r" + std::to_string(i + 1));
        jobs.ask(0, names.back());
    }
    // Each ends within the call that serves it.
    jobs.overBefore(names);
    jobs.end("r0");
    CHECK(jobs.begun.size() == 20001);
}
