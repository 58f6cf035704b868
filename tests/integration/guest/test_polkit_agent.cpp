// SPDX-License-Identifier: LGPL-2.1-or-later
// Callers who may not do a thing by themselves and let an administrator be asked: by a real polkit, of an agent that is
// the test.
#include "catch.h"
#include "guest/agent.h"
#include "guest/snapshot.h"

#include <list>

using namespace scopewright::integration;
using scopewright::Properties;
namespace bus = scopewright::bus;

namespace {

constexpr const char* kCreate = "org.scopewright1.create-sandbox";
constexpr const char* kReload = "org.scopewright1.reload";

/// Root is the administrator, whose yes is kept for the action `kept`.
std::string asking(const std::string& kept = "none") {
    return "polkit.addAdminRule(function(action, subject) { return [\"unix-user:0\"]; });\n"
           "polkit.addRule(function(action, subject) {\n"
           "    return action.id == \"" +
           kept + "\" ? polkit.Result.AUTH_ADMIN_KEEP : polkit.Result.NOT_HANDLED;\n});\n";
}

/// A unit's name of the caller's choice takes an administrator's word.
bus::Message createCall(const Client& client, const std::string& unit, const Child& child) {
    const Properties properties{{"UnitName", unit}, {"PIDs", numbers({&child})}};
    return withLeaveToAsk(client.request(kManagerPath, kManager, "CreateSandbox", "web", properties, std::uint64_t{0}));
}

bus::Message reloadCall(const Client& client) {
    return withLeaveToAsk(client.request(kManagerPath, kManager, "Reload"));
}

std::string whyNoAgent() {
    if (!Polkit::whyNot().empty()) return Polkit::whyNot();
    return Polkit::hasRules() ? "" : "this polkit has no rules that name an administrator";
}

} // namespace

TEST_CASE("who lets an administrator be asked may do what they say yes to", "[users][attack-46][bus]") {
    if (!whyNoAgent().empty()) SKIP_TEST(whyNoAgent());
    Town town(asking());
    Agent agent(kAnna);
    const Worker worker(town.guest, kAnna);
    Pending call(town.anna, createCall(town.anna, "mine.scope", worker.child));
    const Agent::Question question = agent.next();
    CHECK(question.action == kCreate);
    CHECK(question.message ==
          "Authentication is required to create sandbox web as unit mine.scope in user-2001.slice.");
    CHECK_FALSE(town.guest.systemd.find("mine.scope"));
    agent.authenticate(question);
    CHECK(createdBy(call.wait()).unit == "mine.scope");
    CHECK(worker.child.controlGroup() == "/user.slice/user-2001.slice/mine.scope/payload");
    // The answer was for that one call.
    CHECK(town.anna.manager("Reload").error == kChallenge);
}

TEST_CASE("nobody is asked for who does not let them be, nor for who may", "[users][attack-46][bus]") {
    if (!whyNoAgent().empty()) SKIP_TEST(whyNoAgent());
    Town town(asking());
    Agent agent(kAnna);
    const Worker first(town.guest, kAnna), second(town.guest, kAnna);
    const Properties mine{{"UnitName", std::string("mine.scope")}};
    CHECK(tryCreateAs(town.anna, "web", {&first.child}, mine).error == kChallenge);
    CHECK(town.anna.manager("Reload").error == kChallenge);
    const bus::Message allowed =
        withLeaveToAsk(town.anna.request(kManagerPath, kManager, "CreateSandbox", "web",
                                         Properties{{"PIDs", numbers({&first.child})}}, std::uint64_t{0}));
    CHECK(createdBy(town.anna.send(allowed)).unit == "scopewright-2001-web.scope");
    CHECK(agent.count() == 0);
    Pending call(town.anna, reloadCall(town.anna));
    const Agent::Question question = agent.next();
    CHECK(question.action == kReload);
    agent.authenticate(question);
    CHECK(call.wait().ok());
    CHECK(agent.count() == 1);
}

TEST_CASE("an administrator who does not want to is a no", "[users][attack-46][bus]") {
    if (!whyNoAgent().empty()) SKIP_TEST(whyNoAgent());
    Town town(asking());
    Agent agent(kAnna);
    const Worker worker(town.guest, kAnna);
    const Snapshot before(town.guest, {&worker.child});
    Pending call(town.anna, createCall(town.anna, "mine.scope", worker.child));
    agent.dismiss(agent.next());
    CHECK(call.wait().error == kDenied);
    CHECK(Snapshot(town.guest, {&worker.child}) == before);
    // And may think otherwise the next time.
    Pending again(town.anna, createCall(town.anna, "mine.scope", worker.child));
    agent.authenticate(agent.next());
    CHECK(again.wait().ok());
}

TEST_CASE("an administrator who takes their time keeps nobody else waiting", "[users][attack-49][bus]") {
    if (!whyNoAgent().empty()) SKIP_TEST(whyNoAgent());
    Town town(asking());
    Agent agent(kAnna);
    const Worker slow(town.guest, kAnna), quick(town.guest, kAnna), others(town.guest, kBert);
    Child child;
    // More than polkit is asked at a time for one user.
    std::list<Pending> calls;
    for (int i = 0; i < 12; ++i)
        calls.emplace_back(town.anna, reloadCall(town.anna));
    const Agent::Question first = agent.next();
    CHECK(town.guest.tryCreate("web", {&child}).ok());
    CHECK(createdBy(tryCreateAs(town.bert, "web", {&others.child})).unit == "scopewright-2002-web.scope");
    CHECK(town.bert.manager("Reload").error == kChallenge);
    CHECK(town.bert.manager("StopSandbox", "web").ok());
    for (const Pending& call : calls)
        CHECK_FALSE(call.over());
    agent.authenticate(first);
    for (std::size_t i = 1; i < calls.size(); ++i)
        agent.dismiss(agent.next());
    std::size_t done = 0;
    for (Pending& call : calls)
        done += call.wait().ok() ? 1 : 0;
    CHECK(done == 1);
    CHECK(createdBy(tryCreateAs(town.anna, "web", {&quick.child})).unit == "scopewright-2001-web.scope");
}

TEST_CASE("who leaves while an administrator is asked gets nothing, whatever they say", "[users][attack-47][bus]") {
    if (!whyNoAgent().empty()) SKIP_TEST(whyNoAgent());
    Town town(asking());
    Agent agent(kAnna);
    const Worker worker(town.guest, kAnna);
    const Snapshot before(town.guest, {&worker.child});
    const Agent::Question question = [&] {
        const Client passing = clientOf(kAnna);
        const Pending call(passing, createCall(passing, "mine.scope", worker.child));
        return agent.next();
    }();
    // The administrator is left in peace; and says yes nevertheless.
    CHECK(agent.isTakenBack(question));
    agent.tryToAuthenticate(question);
    // The next answer comes after that one.
    Pending last(town.anna, reloadCall(town.anna));
    agent.authenticate(agent.next());
    CHECK(last.wait().ok());
    CHECK(Snapshot(town.guest, {&worker.child}) == before);
}

TEST_CASE("a yes that the rules let polkit keep is for that action, whatever it is done with",
          "[users][attack-46][bus]") {
    if (!whyNoAgent().empty()) SKIP_TEST(whyNoAgent());
    Town town(asking(kCreate));
    Agent agent(kAnna);
    const Worker first(town.guest, kAnna), second(town.guest, kAnna), third(town.guest, kBert);
    Pending call(town.anna, createCall(town.anna, "mine.scope", first.child));
    agent.authenticate(agent.next());
    CHECK(createdBy(call.wait()).unit == "mine.scope");
    const Properties other{{"UnitName", std::string("other.scope")}};
    CHECK(createdBy(tryCreateAs(town.anna, "other", {&second.child}, other)).unit == "other.scope");
    CHECK(agent.count() == 1);
    CHECK(town.anna.manager("Reload").error == kChallenge);
    // It gives nobody what is somebody else's.
    CHECK(town.anna.manager("AttachProcesses", "other", "payload", numbers({&third.child})).error == kDenied);
}
