// SPDX-License-Identifier: LGPL-2.1-or-later
#include "systemd/jobs.h"

#include "catch.h"
#include "systemd/pid1.h"
#include "world.h"

using namespace scopewright;
using namespace std::chrono_literals;
using scopewright::fake::FakeSystemd;
using scopewright::fake::Link;
using scopewright::tests::OnTheBus;

namespace {

using Result = std::optional<std::string>;

void removed(Link& link, std::uint32_t id, const std::string& unit, const std::string& result,
             const char* sender = FakeSystemd::kUniqueName) {
    sd_bus_message* raw = nullptr;
    bus::check(sd_bus_message_new_signal(link.peer(), &raw, "/org/freedesktop/systemd1",
                                         "org.freedesktop.systemd1.Manager", "JobRemoved"),
               "signal");
    bus::Message signal = bus::Message::adopt(raw);
    const std::string path = "/job/" + std::to_string(id);
    bus::check(sd_bus_message_append(raw, "uoss", id, path.c_str(), unit.c_str(), result.c_str()), "append");
    link.emit(sender, signal);
}

systemd::Job job(std::uint32_t id) {
    return systemd::Job{"/job/" + std::to_string(id), FakeSystemd::kUniqueName};
}

async::Task<void> await(systemd::Jobs& jobs, std::string unit, systemd::Job job, Result& result, int& ended) {
    systemd::Jobs::Watch watch(jobs, unit);
    result = co_await watch.result(job, 10s);
    ++ended;
}

async::Task<void> awaitTwo(systemd::Jobs& jobs, std::string unit, std::vector<std::string>& results) {
    for (std::uint32_t id = 1; id <= 2; ++id) {
        systemd::Jobs::Watch watch(jobs, unit);
        const systemd::Job awaited = job(id);
        Result result = co_await watch.result(awaited, 10s);
        results.push_back(result.value_or("nothing"));
    }
}

} // namespace

TEST_CASE("a job's result wakes the one who waits for it") {
    Link link;
    OnTheBus pid1(link.connection());
    systemd::Jobs jobs(pid1.link);
    Result result;
    int ended = 0;
    async::Scope scope(Link::unexpected);
    scope.spawn(await(jobs, "a.scope", job(1), result, ended));
    removed(link, 1, "a.scope", "done");
    REQUIRE(link.until([&] { return ended == 1; }));
    CHECK(result == "done");
}

TEST_CASE("a job's result that came before anyone asked is remembered") {
    Link link;
    OnTheBus pid1(link.connection());
    systemd::Jobs jobs(pid1.link);
    systemd::Jobs::Watch watch(jobs, "a.scope");
    removed(link, 1, "a.scope", "failed");
    removed(link, 2, "a.scope", "done");
    link.settle();
    CHECK(link.await(watch.result(job(2), 10s)) == Result("done"));
    CHECK(link.await(watch.result(job(1), 10s)) == Result("failed"));
}

TEST_CASE("the signals of other jobs, of other units and of other senders are ignored", "[fault-18][attack-43]") {
    Link link;
    OnTheBus pid1(link.connection());
    systemd::Jobs jobs(pid1.link);
    Result result;
    int ended = 0;
    async::Scope scope(Link::unexpected);
    scope.spawn(await(jobs, "a.scope", job(1), result, ended));
    removed(link, 2, "a.scope", "failed");
    removed(link, 1, "b.scope", "failed");
    removed(link, 1, "a.scope", "failed", ":1.666");
    link.settle();
    CHECK(ended == 0);
    removed(link, 1, "a.scope", "done");
    REQUIRE(link.until([&] { return ended == 1; }));
    CHECK(result == "done");
}

TEST_CASE("a job that does not end costs the patience and no more") {
    Link link;
    OnTheBus pid1(link.connection());
    systemd::Jobs jobs(pid1.link);
    systemd::Jobs::Watch watch(jobs, "a.scope");
    CHECK(link.await(watch.result(job(1), 5ms)) == std::nullopt);
    removed(link, 1, "a.scope", "done");
    CHECK(link.await(watch.result(job(1), 10s)) == Result("done"));
}

TEST_CASE("two watches of one unit are both told") {
    Link link;
    OnTheBus pid1(link.connection());
    systemd::Jobs jobs(pid1.link);
    Result first;
    Result second;
    int ended = 0;
    async::Scope scope(Link::unexpected);
    scope.spawn(await(jobs, "a.scope", job(1), first, ended));
    scope.spawn(await(jobs, "a.scope", job(1), second, ended));
    removed(link, 1, "a.scope", "done");
    REQUIRE(link.until([&] { return ended == 2; }));
    CHECK(first == "done");
    CHECK(second == "done");
}

TEST_CASE("a woken task may watch the same unit again") {
    Link link;
    OnTheBus pid1(link.connection());
    systemd::Jobs jobs(pid1.link);
    std::vector<std::string> results;
    async::Scope scope(Link::unexpected);
    scope.spawn(awaitTwo(jobs, "a.scope", results));
    removed(link, 1, "a.scope", "done");
    removed(link, 2, "a.scope", "canceled");
    REQUIRE(link.until([&] { return results.size() == 2; }));
    CHECK(results == std::vector<std::string>{"done", "canceled"});
}

TEST_CASE("a watch that is gone is not told") {
    Link link;
    OnTheBus pid1(link.connection());
    systemd::Jobs jobs(pid1.link);
    Result result;
    int ended = 0;
    {
        async::Scope scope(Link::unexpected);
        scope.spawn(await(jobs, "a.scope", job(1), result, ended));
    }
    removed(link, 1, "a.scope", "done");
    link.settle();
    CHECK(ended == 0);
}

TEST_CASE("five hundred watches each get their own result") {
    Link link;
    OnTheBus pid1(link.connection());
    systemd::Jobs jobs(pid1.link);
    std::vector<Result> results(500);
    int ended = 0;
    async::Scope scope(Link::unexpected);
    for (std::uint32_t i = 0; i < 500; ++i)
        scope.spawn(await(jobs, "u" + std::to_string(i) + ".scope", job(i), results[i], ended));
    for (std::uint32_t i = 500; i-- > 0;)
        removed(link, i, "u" + std::to_string(i) + ".scope", i % 2 ? "done" : "failed");
    REQUIRE(link.until([&] { return ended == 500; }));
    for (std::uint32_t i = 0; i < 500; ++i)
        REQUIRE(results[i] == (i % 2 ? "done" : "failed"));
}

TEST_CASE("a JobRemoved that cannot be read harms nobody") {
    Link link;
    OnTheBus pid1(link.connection());
    systemd::Jobs jobs(pid1.link);
    systemd::Jobs::Watch watch(jobs, "a.scope");
    sd_bus_message* raw = nullptr;
    bus::check(sd_bus_message_new_signal(link.peer(), &raw, "/org/freedesktop/systemd1",
                                         "org.freedesktop.systemd1.Manager", "JobRemoved"),
               "signal");
    bus::Message signal = bus::Message::adopt(raw);
    bus::check(sd_bus_message_append(raw, "s", "what?"), "append");
    link.emit(":1.666", signal);
    removed(link, 1, "a.scope", "done");
    CHECK(link.await(watch.result(job(1), 10s)) == Result("done"));
}
