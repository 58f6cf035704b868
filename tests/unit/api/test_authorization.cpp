// SPDX-License-Identifier: LGPL-2.1-or-later
// Who may do what: root all, owners what is theirs, others what polkit says.
#include "sandbox/bench.h"

using namespace scopewright;
using namespace scopewright::unit;
using fake::FakePolkit;
using Answer = FakePolkit::Answer;
using Question = FakePolkit::Question;

namespace {

constexpr const char* kUnit = "scopewright-1001-web.scope";

/// Processes of the test are root's, so a sandbox of another owner is one that was there before.
Child& alices(Bench& bench) {
    bench.crash();
    Child& child = bench.child();
    state::Record record;
    record.id = "web";
    record.uid = 1001;
    record.unit = kUnit;
    record.request = "0";
    bench.systemd.addUnit(kUnit, state::describe("Sandbox web", record), "active", {child.pid()});
    bench.restart();
    return child;
}

std::string ask(Bench& bench, const char* sender, const char* member, const std::string& id) {
    return bench.answer(bench.manager(sender, member, id))->error;
}

template <class... Args>
Pending interactively(Bench& bench, const char* sender, const char* member, const Args&... args) {
    bus::Message call =
        bus::methodCall(bench.peer(), "org.scopewright1", Bench::kManagerPath, Bench::kManager, member, args...);
    bus::check(sd_bus_message_set_allow_interactive_authorization(call.raw(), 1), "let the user be asked");
    return bench.send(sender, call);
}

} // namespace

TEST_CASE("without polkit only root makes sandboxes, and only root and the owner reach them", "[fault-24]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    alices(bench);
    CHECK(ask(bench, Bench::kRoot, "GetSandbox", "1001:web") == "");
    CHECK(ask(bench, Bench::kAlice, "GetSandbox", "web") == "");
    CHECK(ask(bench, Bench::kAlice, "GetSandbox", "1001:web") == "");
    for (const char* member : {"GetSandbox", "ListGroups", "StopSandbox", "FreezeSandbox", "ThawSandbox"})
        for (const char* id : {"1001:web", "1001:none", "web"})
            CHECK(ask(bench, Bench::kBob, member, id) == ours("NoSuchSandbox"));
    CHECK(bench.list(Bench::kBob).empty());
    CHECK(bench.list(Bench::kAlice).size() == 1);
    REFUSED(bench, bench.create("mine", pids(child), Bench::kBob), fd("AccessDenied"));
    REFUSED(bench, bench.manager(Bench::kBob, "Reload"), fd("AccessDenied"));
    CHECK(bench.polkit.questions.empty());
}

TEST_CASE("polkit is asked about the connection, with what is to be done as details", "[attack-46]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    bench.polkit.rule = [](const Question&) { return Answer::No; };
    REFUSED(bench, bench.create("mine", pids(child), Bench::kAlice), fd("AccessDenied"));
    REQUIRE(bench.polkit.questions.size() == 1);
    const Question& create = bench.polkit.questions.front();
    CHECK(create.sender == Bench::kAlice);
    CHECK(create.action == "org.scopewright1.create-sandbox");
    CHECK(create.details.at("id") == "mine");
    CHECK(create.details.at("unit") == "scopewright-1001-mine.scope");
    CHECK(create.details.at("slice") == "user-1001.slice");
    CHECK_FALSE(create.interactive);

    bench.polkit.questions.clear();
    REFUSED(bench, bench.manager(Bench::kAlice, "AdoptSandbox", "x", "libpod-1.scope", Properties(), std::uint64_t(0)),
            fd("AccessDenied"));
    REFUSED(bench, bench.manager(Bench::kAlice, "Reload"), fd("AccessDenied"));
    REQUIRE(bench.polkit.questions.size() == 2);
    CHECK(bench.polkit.questions[0].action == "org.scopewright1.adopt");
    CHECK(bench.polkit.questions[0].details.at("unit") == "libpod-1.scope");
    CHECK(bench.polkit.questions[1].action == "org.scopewright1.reload");
    // Root is never asked about.
    bench.polkit.questions.clear();
    bench.sandbox("web");
    CHECK(bench.answer(bench.manager(Bench::kRoot, "Reload"))->error == "");
    CHECK(bench.polkit.questions.empty());
}

TEST_CASE("whom polkit allows reaches what others own, and for the rest it does not exist") {
    NEEDS_CGROUPS();
    Bench bench;
    alices(bench);
    bench.polkit.rule = [](const Question& question) {
        return question.sender == Bench::kBob && question.action == "org.scopewright1.inspect" ? Answer::Yes
                                                                                               : Answer::No;
    };
    CHECK(ask(bench, Bench::kBob, "GetSandbox", "1001:web") == "");
    CHECK(ask(bench, Bench::kBob, "ListGroups", "1001:web") == "");
    CHECK(bench.list(Bench::kBob).size() == 1);
    CHECK(ask(bench, Bench::kBob, "GetSandbox", "1001:none") == ours("NoSuchSandbox"));
    // To look is not to touch.
    CHECK(ask(bench, Bench::kBob, "StopSandbox", "1001:web") == ours("NoSuchSandbox"));
    const Question& stop = bench.polkit.questions.back();
    CHECK(stop.action == "org.scopewright1.manage-sandboxes");
    CHECK(stop.details.at("id") == "web");
    CHECK(stop.details.at("owner") == "1001");
    CHECK(stop.details.at("unit") == kUnit);
    // Whether there is one cannot be told from whether polkit was asked.
    const std::size_t before = bench.polkit.questions.size();
    CHECK(ask(bench, Bench::kBob, "StopSandbox", "1001:none") == ours("NoSuchSandbox"));
    CHECK(bench.polkit.questions.size() == before + 1);
    const std::string object = "/org/scopewright1/sandbox/_31001_3aweb";
    CHECK(bench.answer(bench.call(Bench::kBob, object, Bench::kSandbox, "Stop"))->error == ours("NoSuchSandbox"));

    bench.polkit.rule = [](const Question&) { return Answer::Yes; };
    CHECK(ask(bench, Bench::kBob, "FreezeSandbox", "1001:web") == "");
    CHECK(ask(bench, Bench::kBob, "ThawSandbox", "1001:web") == "");
    const std::string path = bench.path("1001:web");
    CHECK(bench.answer(bench.call(Bench::kBob, path, Bench::kSandbox, "Freeze"))->error == "");
    CHECK(bench.answer(bench.call(Bench::kBob, path, Bench::kSandbox, "Stop"))->error == "");
}

TEST_CASE("a user may be asked for a password only if the caller lets that happen") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    bench.polkit.rule = [](const Question& question) { return question.interactive ? Answer::No : Answer::Challenge; };
    REFUSED(bench, bench.create("web", pids(child), Bench::kAlice), fd("InteractiveAuthorizationRequired"));
    Pending create = interactively(bench, Bench::kAlice, "CreateSandbox", "web", pids(bench.child()), std::uint64_t(0));
    CHECK(bench.answer(create)->error == fd("AccessDenied"));
    CHECK(bench.polkit.questions.back().interactive);
}

TEST_CASE("a polkit that fails, or speaks nonsense, allows nothing", "[fault-24]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    for (const Answer answer : {Answer::Error, Answer::Garbage}) {
        bench.polkit.rule = [&](const Question&) { return answer; };
        REFUSED(bench, bench.create("web", pids(child), Bench::kAlice), fd("AccessDenied"));
        REFUSED(bench, bench.manager(Bench::kAlice, "GetSandbox", "0:web"), ours("NoSuchSandbox"));
    }
}

TEST_CASE("a yes of people's that comes when the caller has left is for nobody", "[attack-47]") {
    NEEDS_CGROUPS();
    Bench bench;
    alices(bench);
    const auto asked = [&](const Pending& call) {
        bench.polkit.answerNow(Answer::Yes);
        return bench.answer(call)->error;
    };
    bench.polkit.cares = false;
    bench.polkit.rule = [](const Question&) { return Answer::Later; };
    Pending reload = interactively(bench, Bench::kBob, "Reload");
    REQUIRE(bench.until([&] { return bench.polkit.questions.size() == 1; }));
    CHECK(asked(reload) == "");
    Pending stop = interactively(bench, Bench::kBob, "StopSandbox", "1001:web");
    REQUIRE(bench.until([&] { return bench.polkit.questions.size() == 2; }));
    bench.driver.leave(Bench::kBob);
    CHECK(asked(stop) == ours("NoSuchSandbox"));
    CHECK(bench.systemd.logged("StopUnit " + std::string(kUnit)) == 0);
    CHECK(bench.list().size() == 1);
}

TEST_CASE("people are asked no longer once the caller has left, or has waited too long", "[attack-47]") {
    NEEDS_CGROUPS();
    Bench bench;
    alices(bench);
    bench.polkit.rule = [](const Question&) { return Answer::Later; };
    const auto asked = [&](std::size_t count) {
        return bench.until([&] { return bench.polkit.questions.size() == count; });
    };
    Pending stop = interactively(bench, Bench::kBob, "StopSandbox", "1001:web");
    REQUIRE(asked(1));
    const std::string first = bench.polkit.questions[0].id;
    CHECK(first != "");
    bench.driver.leave(Bench::kBob);
    CHECK(bench.answer(stop)->error == ours("NoSuchSandbox"));
    CHECK(bench.polkit.takenBack == std::vector{first});
    Pending reload = interactively(bench, Bench::kAlice, "Reload");
    REQUIRE(asked(2));
    const std::string second = bench.polkit.questions[1].id;
    CHECK(second != first);
    // By then the client has given up, too.
    fake::passTime(std::chrono::seconds(91));
    CHECK(bench.until([&] { return bench.polkit.takenBack.size() == 2; }));
    CHECK(bench.polkit.takenBack == std::vector{first, second});
    // Nothing is taken back that has its answer, and nothing that nobody was asked.
    Pending again = interactively(bench, Bench::kAlice, "Reload");
    REQUIRE(asked(3));
    bench.polkit.answerNow(Answer::No);
    CHECK(bench.answer(again)->error == fd("AccessDenied"));
    bench.polkit.rule = [](const Question&) { return Answer::Silence; };
    Pending rules = bench.manager(Bench::kAlice, "Reload");
    REQUIRE(asked(4));
    CHECK(bench.polkit.questions[3].id == "");
    bench.skipSilence();
    CHECK(bench.answer(rules)->error == fd("AccessDenied"));
    bench.settle();
    CHECK(bench.polkit.takenBack.size() == 2);
}

TEST_CASE("a polkit that hangs keeps nobody else waiting", "[fault-24]") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.polkit.rule = [](const Question&) { return Answer::Silence; };
    Pending waiting = bench.create("web", pids(bench.child()), Bench::kAlice);
    bench.sandbox("mine");
    CHECK_FALSE(waiting->done);
    bench.skipSilence();
    CHECK(bench.answer(waiting)->error == fd("AccessDenied"));
}

TEST_CASE("a client with too many calls under way is told so, and others are not kept", "[attack-49]") {
    NEEDS_CGROUPS();
    config::Config config = Bench::quick();
    config.callsPerClient = 3;
    Bench bench(config);
    bench.polkit.rule = [](const Question&) { return Answer::Silence; };
    std::vector<Pending> calls;
    for (int i = 0; i < 5; ++i)
        calls.push_back(bench.create("web" + std::to_string(i), pids(bench.child()), Bench::kAlice));
    CHECK(bench.answer(calls[3])->error == fd("LimitsExceeded"));
    CHECK(bench.answer(calls[4])->error == fd("LimitsExceeded"));
    CHECK_FALSE(calls[0]->done);
    bench.sandbox("mine");
    bench.skipSilence();
    for (int i = 0; i < 3; ++i)
        CHECK(bench.answer(calls[static_cast<std::size_t>(i)])->error == fd("AccessDenied"));
    // Answered calls count no more.
    bench.polkit.rule = [](const Question&) { return Answer::No; };
    CHECK(bench.answer(bench.create("web", pids(bench.child()), Bench::kAlice))->error == fd("AccessDenied"));
}

TEST_CASE("polkit is asked for one user only so many questions at a time, and no other user's wait for them",
          "[attack-49]") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.polkit.rule = [](const Question&) { return Answer::Silence; };
    std::vector<Pending> calls;
    for (int i = 0; i < 20; ++i)
        calls.push_back(bench.manager(Bench::kAlice, "ListSandboxes"));
    bench.settle();
    CHECK(bench.polkit.questions.size() == 8);
    Pending other = bench.manager(Bench::kBob, "ListSandboxes");
    bench.settle();
    REQUIRE(bench.polkit.questions.size() == 9);
    CHECK(bench.polkit.questions.back().sender == Bench::kBob);
    // All have an answer in the end, and none is asked about twice.
    bench.polkit.rule = [](const Question&) { return Answer::No; };
    for (Pending& call : calls)
        CHECK(bench.answer(call)->error == "");
    CHECK(bench.answer(other)->error == "");
    CHECK(bench.polkit.questions.size() == 21);
}

TEST_CASE("an owner other than root has one slice, below which nobody has more than the owner was given",
          "[attack-22]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    bench.polkit.rule = [](const Question&) { return Answer::Yes; };
    for (const char* slice : {"system.slice", "scopewright.slice", "machine.slice", "user-1002.slice", "user.slice"})
        REFUSED(bench, bench.create("web", with(pids(child), "Slice", std::string(slice)), Bench::kAlice),
                ours("SliceNotAllowed"));
    // The process is root's.
    REFUSED(bench, bench.create("web", pids(child), Bench::kAlice), fd("AccessDenied"));
    CHECK(bench.systemd.logged("StartTransientUnit scopewright-1001-web.scope") == 0);
}

TEST_CASE("there are no more sandboxes, groups and bytes than the configuration has room for", "[attack-52]") {
    NEEDS_CGROUPS();
    config::Config config = Bench::quick();
    config.sandboxes = 2;
    config.groupsPerUser = 1; // not root's
    config.groupsPerSandbox = 2;
    config.requestBytes = 1024;
    Bench bench(config);
    Child& child = bench.child();
    bench.sandbox("one");
    bench.sandbox("two");
    REFUSED(bench, bench.create("three", pids(child)), fd("LimitsExceeded"));
    // Payloads count.
    CHECK(bench.answer(bench.createCompat("one", "a"))->error == "");
    CHECK(bench.answer(bench.createCompat("two", "a"))->error == "");
    REFUSED(bench, bench.createCompat("two", "b"), fd("LimitsExceeded"));
    const Properties large(1, Property{"resources", std::string(1025, ' ')});
    REFUSED(bench, bench.manager(Bench::kRoot, "UpdateSandbox", "one", large), fd("LimitsExceeded"));
    REFUSED(bench, bench.createCompat("two", "c", large), fd("LimitsExceeded"));
}
