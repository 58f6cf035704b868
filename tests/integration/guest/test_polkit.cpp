// SPDX-License-Identifier: LGPL-2.1-or-later
// What the daemon asks a real polkit, and what it makes of each answer, of none, and of one that comes late.
#include "catch.h"
#include "guest/snapshot.h"
#include "guest/users.h"

#include <csignal>

using namespace scopewright::integration;
using scopewright::BorrowedFds;
using scopewright::Properties;
namespace bus = scopewright::bus;

namespace {

const std::uint64_t kNoFlags = 0;

/// Bert may what is on the list, word for word, and nothing else; of others the rules that come with scopewright
/// decide.
std::string allowing(const std::vector<std::string>& questions) {
    std::string list;
    for (const std::string& question : questions)
        list += "\"" + question + "\",";
    return "polkit.addRule(function(action, subject) {\n"
           "    if (subject.user != \"bert\") return polkit.Result.NOT_HANDLED;\n"
           "    var words = action.id;\n"
           "    [\"id\", \"owner\", \"unit\", \"slice\"].forEach(function(name) {\n"
           "        var value = action.lookup(name);\n"
           "        words += \" \" + (value ? value : \"-\");\n"
           "    });\n"
           "    return [" +
           list + "].indexOf(words) >= 0 ? polkit.Result.YES : polkit.Result.NO;\n});\n";
}

bus::Message createCall(const Client& client, const std::string& id, const Child& child) {
    return client.request(kManagerPath, kManager, "CreateSandbox", id, Properties{{"PIDs", numbers({&child})}},
                          kNoFlags);
}

/// Returns when the daemon has got what the client has sent: only messages of one connection stay in their order.
void waitFor(const Guest& guest, const Client& client) {
    client.bus("GetId").must();
    guest.client.manager("ListSandboxes").must();
}

} // namespace

TEST_CASE("a rule of polkit's can look up what is to be done, and with what", "[users][attack-46]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    if (!Polkit::hasRules()) SKIP_TEST("this polkit has no rules that look things up");
    Town town(allowing({
        "org.scopewright1.create-sandbox new - scopewright-2002-new.scope user-2002.slice",
        "org.scopewright1.create-sandbox named - mine.scope user-2002.slice",
        "org.scopewright1.manage-sandboxes web 2001 scopewright-2001-web.scope user-2001.slice",
        "org.scopewright1.inspect other 2001 scopewright-2001-other.scope user-2001.slice",
        "org.scopewright1.adopt taken - theirs.scope -",
        "org.scopewright1.reload - - - -",
    }));
    const Worker web(town.guest, kAnna), other(town.guest, kAnna), first(town.guest, kBert), second(town.guest, kBert);
    createdBy(tryCreateAs(town.anna, "web", {&web.child}));
    createdBy(tryCreateAs(town.anna, "other", {&other.child}));
    const Client& bert = town.bert;
    CHECK(tryCreateAs(bert, "newer", {&first.child}).error == kDenied);
    CHECK(createdBy(tryCreateAs(bert, "new", {&first.child})).unit == "scopewright-2002-new.scope");
    const Properties mine{{"UnitName", std::string("mine.scope")}};
    CHECK(tryCreateAs(bert, "new-too", {&second.child}, mine).error == kDenied);
    CHECK(createdBy(tryCreateAs(bert, "named", {&second.child}, mine)).unit == "mine.scope");
    // One sandbox of Anna's may be changed and not looked at, the other one looked at and not changed.
    CHECK(bert.manager("FreezeSandbox", "2001:web").ok());
    CHECK(bert.manager("ThawSandbox", "2001:web").ok());
    CHECK(bert.manager("GetSandbox", "2001:web").error == kNoSandbox);
    CHECK(bert.manager("GetSandbox", "2001:other").ok());
    CHECK(bert.manager("FreezeSandbox", "2001:other").error == kNoSandbox);
    CHECK(sandboxesIn(bert.manager("ListSandboxes")).size() == 2);
    CHECK(bert.manager("Reload").ok());
    CHECK(town.anna.manager("Reload").error == kChallenge);
    Child theirs, others;
    const Properties delegated{{"Delegate", true}, {"CollectMode", std::string("inactive-or-failed")}};
    town.guest.systemd.startScope("theirs.scope", theirs.pid(), delegated);
    town.guest.systemd.startScope("others.scope", others.pid(), delegated);
    CHECK(bert.manager("AdoptSandbox", "taken", "others.scope", Properties(), kNoFlags).error == kDenied);
    // It may be asked for, and it is root's process that lives there.
    CHECK(bert.manager("AdoptSandbox", "taken", "theirs.scope", Properties(), kNoFlags).error != kDenied);
    CHECK(town.anna.manager("AdoptSandbox", "taken", "others.scope", Properties(), kNoFlags).error == kChallenge);
    CHECK(town.guest.systemd.state("others.scope") == "active");
}

TEST_CASE("a caller's words reach polkit's rules as they may be printed", "[users][attack-46][attack-57]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    if (!Polkit::hasRules()) SKIP_TEST("this polkit has no rules that look things up");
    // What is wrong in a request is told to whom the rules let ask.
    Town town(
        allowing({"org.scopewright1.create-sandbox a\\\\x0ab - scopewright-2002-a\\\\x0ab.scope user-2002.slice"}));
    const Worker worker(town.guest, kBert);
    CHECK(tryCreateAs(town.bert, "a\nb", {&worker.child}).error == kInvalid);
    CHECK(tryCreateAs(town.bert, "a\tb", {&worker.child}).error == kDenied);
}

TEST_CASE("where polkit is not to be had, root and owners go on and others are denied", "[users][fault-24]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    Town town;
    Child child;
    const Worker first(town.guest, kAnna), second(town.guest, kAnna);
    createdBy(tryCreateAs(town.anna, "web", {&first.child}));
    const auto without = [&] {
        CHECK(tryCreateAs(town.anna, "more", {&second.child}).error == kDenied);
        CHECK(town.anna.manager("Reload").error == kDenied);
        CHECK(town.bert.manager("StopSandbox", "2001:web").error == kNoSandbox);
        CHECK(sandboxesIn(town.anna.manager("ListSandboxes")).size() == 1);
        CHECK(town.anna.manager("FreezeSandbox", "web").ok());
        CHECK(town.anna.manager("ThawSandbox", "web").ok());
        CHECK(town.guest.tryCreate("web", {&child}).ok());
        CHECK(town.guest.client.manager("StopSandbox", "web").ok());
    };
    town.polkit.mask();
    without();
    town.polkit.setRules("");
    CHECK(town.anna.manager("Reload").error == kChallenge);
    // One that is merely not running is started by the question.
    town.polkit.stop();
    CHECK(town.anna.manager("Reload").error == kChallenge);
}

TEST_CASE("a polkit that does not answer denies in a few seconds, and keeps nobody else", "[users][fault-24]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    Town town;
    const Worker first(town.guest, kAnna), second(town.guest, kAnna);
    Child child;
    createdBy(tryCreateAs(town.anna, "web", {&first.child}));
    Polkit::Pause pause(town.polkit);
    Pending waiting(town.anna, createCall(town.anna, "more", second.child));
    CHECK(town.guest.tryCreate("web", {&child}).ok());
    const Client again = clientOf(kAnna);
    CHECK(again.manager("GetSandbox", "web").ok());
    CHECK_FALSE(waiting.over());
    CHECK(waiting.wait().error == kDenied);
    pause.end();
    CHECK(town.anna.manager("Reload").error == kChallenge);
}

TEST_CASE("leave to ask is of no use where nobody can be asked", "[users]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    Town town;
    const Worker worker(town.guest, kAnna);
    createdBy(tryCreateAs(town.anna, "web", {&worker.child}));
    CHECK(town.anna.manager("Reload").error == kChallenge);
    CHECK(town.anna.send(withLeaveToAsk(town.anna.request(kManagerPath, kManager, "Reload"))).error == kChallenge);
    CHECK(town.bert.send(withLeaveToAsk(town.bert.request(kManagerPath, kManager, "StopSandbox", "2001:web"))).error ==
          kNoSandbox);
    CHECK(worker.child.alive());
}

TEST_CASE("who leaves while polkit is asked about them gets nothing", "[users][attack-47]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    Town town;
    const Worker worker(town.guest, kAnna);
    const Snapshot before(town.guest, {&worker.child});
    {
        Polkit::Pause pause(town.polkit);
        const Client passing = clientOf(kAnna);
        Pending call(passing, createCall(passing, "web", worker.child));
        waitFor(town.guest, passing);
        CHECK_FALSE(call.over());
    }
    // The next question is answered after the one before.
    CHECK(town.anna.manager("Reload").error == kChallenge);
    CHECK(Snapshot(town.guest, {&worker.child}) == before);
}

TEST_CASE("what becomes of processes and sandboxes while polkit is asked is seen after its answer",
          "[users][attack-19][attack-45]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    if (!Polkit::hasRules()) SKIP_TEST("this polkit has no rules that look things up");
    Town town(allowing({"org.scopewright1.manage-sandboxes web 2001 scopewright-2001-web.scope user-2001.slice"}));
    Worker doomed(town.guest, kAnna);
    {
        Polkit::Pause pause(town.polkit);
        Pending call(town.anna, createCall(town.anna, "more", doomed.child));
        waitFor(town.guest, town.anna);
        doomed.child.kill();
        doomed.child.reap();
        pause.end();
        CHECK(call.wait().error == kNoProcess);
    }
    // Bert may stop the sandbox that was there, and not the one that has its name now.
    const Worker first(town.guest, kAnna), second(town.guest, kAnna);
    createdBy(tryCreateAs(town.anna, "web", {&first.child}));
    const auto again = [&] {
        Polkit::Pause pause(town.polkit);
        // The answers come in the order of the questions.
        Pending create(town.anna, createCall(town.anna, "web", second.child));
        waitFor(town.guest, town.anna);
        Pending stop(town.bert, town.bert.request(kManagerPath, kManager, "StopSandbox", "2001:web"));
        waitFor(town.guest, town.bert);
        town.guest.client.manager("StopSandbox", "2001:web").must();
        pause.end();
        const std::string error = stop.wait().error;
        CHECK(createdBy(create.wait()).unit == "scopewright-2001-web.scope");
        return error;
    };
    CHECK(again() == kNoSandbox);
    CHECK(second.child.alive());
    CHECK(town.bert.manager("StopSandbox", "2001:web").ok());
    CHECK_FALSE(second.child.alive());
}
