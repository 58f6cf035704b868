// SPDX-License-Identifier: LGPL-2.1-or-later
// Two users of the group beside each other, and one who is in none: what is theirs, and what is not.
#include "base/fd.h"
#include "catch.h"
#include "guest/snapshot.h"
#include "guest/users.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

using namespace scopewright::integration;
using scopewright::BorrowedFds;
using scopewright::Properties;
using scopewright::Property;
namespace bus = scopewright::bus;

namespace {

const std::uint64_t kNoFlags = 0;

using Pids = std::vector<std::uint32_t>;
using Ask = std::function<Answer(const std::string& id)>;

/// Everything that can be done with a sandbox by its id, each as one that has a group "c1".
std::vector<Ask> verbsById(const Client& client, const Child& own) {
    const auto each = [&](const char* member) {
        return [&client, member](const std::string& id) { return client.manager(member, id); };
    };
    std::vector<Ask> all;
    for (const char* member : {"GetSandbox", "ListGroups", "StopSandbox", "FreezeSandbox", "ThawSandbox"})
        all.emplace_back(each(member));
    all.emplace_back([&](const std::string& id) { return client.manager("KillSandbox", id, std::int32_t{SIGKILL}); });
    all.emplace_back([&](const std::string& id) { return client.manager("RemoveGroup", id, "c1"); });
    for (const char* member : {"CreateGroup", "CreateCompatGroup"})
        all.emplace_back([&client, member](const std::string& id) {
            return client.manager(member, id, "c2", Properties(), kNoFlags);
        });
    const Properties change{{"pids.limit", std::int64_t{7}}};
    all.emplace_back([&, change](const std::string& id) { return client.manager("UpdateSandbox", id, change); });
    all.emplace_back([&, change](const std::string& id) { return client.manager("UpdateGroup", id, "c1", change); });
    all.emplace_back(
        [&](const std::string& id) { return client.manager("AttachProcesses", id, "payload", Pids{own.number()}); });
    all.emplace_back([&](const std::string& id) {
        return client.manager("AttachProcessFDs", id, "payload", BorrowedFds{{own.pidfd()}});
    });
    return all;
}

/// Root's sandboxes have no number in their paths.
std::string placeOf(const std::string& id) {
    return sandboxPath(id.starts_with("0:") ? id.substr(2) : id);
}

/// The same by the objects' paths.
std::vector<Ask> verbsByObject(const Client& client, const Child& own) {
    std::vector<Ask> all;
    for (const char* member : {"Stop", "Freeze", "Thaw"})
        all.emplace_back(
            [&client, member](const std::string& id) { return client.call(placeOf(id), kSandbox, member); });
    all.emplace_back(
        [&](const std::string& id) { return client.call(placeOf(id), kSandbox, "Kill", std::int32_t{SIGKILL}); });
    for (const char* member : {"CreateGroup", "CreateCompatGroup"})
        all.emplace_back([&client, member](const std::string& id) {
            return client.call(placeOf(id), kSandbox, member, "c2", Properties(), kNoFlags);
        });
    all.emplace_back([&](const std::string& id) {
        return client.call(placeOf(id), kSandbox, "AttachProcesses", "payload", Pids{own.number()});
    });
    all.emplace_back([&](const std::string& id) {
        return client.call(placeOf(id), kSandbox, "Update", Properties{{"pids.limit", std::int64_t{7}}});
    });
    for (const char* member : {"Remove", "OpenDirectory"})
        all.emplace_back([&client, member](const std::string& id) {
            return client.call(placeOf(id) + "/group/c1", kGroup, member);
        });
    all.emplace_back([&](const std::string& id) {
        return client.call(placeOf(id) + "/group/c1", kGroup, "Update", Properties{{"pids.limit", std::int64_t{7}}});
    });
    all.emplace_back([&](const std::string& id) { return client.call(placeOf(id), kProperties, "GetAll", kSandbox); });
    all.emplace_back(
        [&](const std::string& id) { return client.call(placeOf(id), kProperties, "Get", kSandbox, "Unit"); });
    all.emplace_back(
        [&](const std::string& id) { return client.call(placeOf(id) + "/group/c1", kProperties, "GetAll", kGroup); });
    return all;
}

/// The error and its words, with `id` as one that both might have been asked for.
std::string wordsOf(const Answer& answer, const std::string& id) {
    std::string words = answer.error + ": " + answer.text;
    for (std::size_t at; (at = words.find(id)) != std::string::npos;)
        words.replace(at, id.size(), "ID");
    return words;
}

std::string descriptionFor(const Client& client) {
    return std::get<0>(client.manager("Describe").get<std::string>());
}

} // namespace

TEST_CASE("a member of the group has the whole life of a sandbox, below the slice that is theirs",
          "[users][attack-8][attack-22]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    Town town;
    const Worker first(town.guest, kAnna), second(town.guest, kAnna), third(town.guest, kAnna);
    const Created created = createdBy(tryCreateAs(town.anna, "web", {&first.child}));
    CHECK(created.unit == "scopewright-2001-web.scope");
    CHECK(created.controlGroup == kAnna.sliceGroup() + "/" + created.unit);
    CHECK(first.child.controlGroup() == created.payload());
    CHECK(town.guest.systemd.state(created.unit) == "active");
    const Client& anna = town.anna;
    CHECK(sandboxesIn(anna.manager("ListSandboxes")) ==
          std::vector<SandboxLine>{{"web", created.unit, kAnna.uid, created.object}});
    const Properties few{{"pids.limit", std::int64_t{40}}};
    CHECK(anna.manager("UpdateSandbox", "web", few).ok());
    CHECK(readFile(created.controlGroup, "pids.max").value_or("40") == "40");
    CHECK(anna.manager("CreateCompatGroup", "web", "c1", Properties(), kNoFlags).ok());
    CHECK(anna.call(created.object, kSandbox, "CreateGroup", "p1", Properties(), kNoFlags).ok());
    CHECK(anna.manager("UpdateGroup", "web", "c1", few).ok());
    CHECK(groupsIn(anna.manager("ListGroups", "web")).size() == 3);
    CHECK(anna.manager("AttachProcesses", "web", "p1", Pids{second.child.number()}).ok());
    CHECK(second.child.controlGroup() == created.controlGroup + "/p1");
    CHECK(anna.call(created.object, kSandbox, "AttachProcessFDs", "payload", BorrowedFds{{third.child.pidfd()}}).ok());
    CHECK(third.child.controlGroup() == created.payload());
    CHECK(std::get<0>(anna.manager("GetSandboxByPID", second.child.number()).get<bus::ObjectPath>()).path ==
          created.object);
    CHECK(textOf(anna.properties(created.object, kSandbox), "State") == "running");
    CHECK(anna.manager("FreezeSandbox", "web").ok());
    CHECK(anna.call(created.object, kSandbox, "Thaw").ok());
    CHECK(anna.manager("RemoveGroup", "web", "c1").ok());
    CHECK(anna.manager("KillSandbox", "web", std::int32_t{SIGURG}).ok());
    CHECK(first.child.alive());
    CHECK(anna.manager("StopSandbox", "web").ok());
    for (const Worker* worker : {&first, &second, &third})
        CHECK_FALSE(worker->child.alive());
    CHECK_FALSE(exists(created.controlGroup));
}

TEST_CASE("what a member does with another one's sandbox has one answer, whether or not it is there",
          "[users][attack-13][attack-53][attack-55][attack-56]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    Town town;
    Child roots;
    const Worker annas(town.guest, kAnna), berts(town.guest, kBert);
    const Created rooted = town.guest.create("secret", {&roots});
    const Created created = createdBy(tryCreateAs(town.anna, "secret", {&annas.child}));
    town.guest.createGroup("secret", "c1");
    REQUIRE(town.anna.manager("CreateCompatGroup", "secret", "c1", Properties(), kNoFlags).ok());
    const std::vector<const Child*> all{&roots, &annas.child, &berts.child};
    const Snapshot before(town.guest, all);
    for (const auto& verbs : {verbsById, verbsByObject})
        for (const Ask& ask : verbs(town.bert, berts.child))
            for (const std::string& owner : {std::string("0"), std::string("2001")}) {
                const Answer real = ask(owner + ":secret");
                const Answer none = ask(owner + ":nobody");
                CHECK(real.error == kNoSandbox);
                CHECK(wordsOf(real, "secret") == wordsOf(none, "nobody"));
            }
    const auto unheard = [&](const std::string& text) { CHECK(text.find("secret") == std::string::npos); };
    CHECK(sandboxesIn(town.bert.manager("ListSandboxes")).empty());
    CHECK(objectsFor(town.bert).empty());
    CHECK(objectsFor(town.anna).size() == 3);
    unheard(descriptionFor(town.bert));
    CHECK(descriptionFor(town.anna).find("secret") != std::string::npos);
    for (const char* path : {"/", "/org/scopewright1", "/org/scopewright1/sandbox"})
        unheard(introspection(town.bert, path));
    for (const std::string& place : {created.object, rooted.object, created.object + "/group"}) {
        std::string none = place;
        none.replace(none.find("secret"), 6, "nobody");
        std::string said = introspection(town.bert, place);
        if (const std::size_t at = said.find("secret"); at != std::string::npos) said.replace(at, 6, "nobody");
        CHECK(said == introspection(town.bert, none));
    }
    for (const Child* child : all) {
        const Answer holder = town.bert.manager("GetSandboxByPID", child->number());
        CHECK(wordsOf(holder, std::to_string(child->pid())) ==
              std::string(kNoSandbox) + ": process ID does not belong to a sandbox");
    }
    CHECK(Snapshot(town.guest, all) == before);
    // The owner's number in front is the one thing to tell them apart.
    CHECK(town.anna.manager("StopSandbox", "2001:secret").ok());
    CHECK(processesOf(rooted.payload()).size() == 1);
}

TEST_CASE("nobody moves a process that is not theirs, nor one that others have put somewhere",
          "[users][attack-20][attack-21][attack-48]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    Town town;
    // The process behind Bert's connection is root's; what the bus says of it counts.
    Child roots, outside(ofUser(kBert));
    const Worker annas(town.guest, kAnna), berts(town.guest, kBert), more(town.guest, kBert);
    createdBy(tryCreateAs(town.anna, "web", {&annas.child}));
    createdBy(tryCreateAs(town.bert, "web", {&berts.child}));
    const std::vector<const Child*> all{&roots, &outside, &annas.child, &berts.child, &more.child};
    const Snapshot before(town.guest, all);
    const auto refused = [&](const Child& child, const std::string& error) {
        CAPTURE(child.pid(), error);
        CHECK(tryCreateAs(town.bert, "other", {&child}).error == error);
        CHECK(tryCreateAs(town.bert, "other", {&more.child, &child}).error == error);
        const Properties byFd{{"PIDFDs", BorrowedFds{{child.pidfd()}}}};
        CHECK(town.bert.manager("CreateSandbox", "other", byFd, kNoFlags).error == error);
        CHECK(town.bert.manager("AttachProcesses", "web", "payload", Pids{child.number()}).error == error);
        CHECK(town.bert.manager("AttachProcesses", "web", "payload", Pids{more.child.number(), child.number()}).error ==
              error);
        CHECK(town.bert.manager("AttachProcessFDs", "web", "payload", BorrowedFds{{child.pidfd()}}).error == error);
    };
    refused(roots, kDenied);
    refused(annas.child, kDenied);
    // In the test's own service, whose limits it would leave.
    refused(outside, kForeignUnit);
    CHECK(tryCreateAs(town.bert, "other", {&berts.child}).error == kForeignUnit);
    CHECK(Snapshot(town.guest, all) == before);
}

TEST_CASE("a member has one slice, and only names that the daemon gives", "[users][attack-5][attack-7][attack-8]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    if (!Polkit::hasRules()) SKIP_TEST("this polkit cannot tell names from each other");
    Town town;
    const Worker worker(town.guest, kAnna);
    const Snapshot before(town.guest, {&worker.child});
    const auto refused = [&](const Property& property, const std::string& error) {
        CAPTURE(error);
        CHECK(tryCreateAs(town.anna, "web", {&worker.child}, {property}).error == error);
    };
    for (const char* slice : {"scopewright.slice", "system.slice", "machine.slice", "user.slice", "user-2002.slice",
                              "user-0.slice", "user-2001-x.slice", "user-20011.slice", "-.slice"})
        refused({"Slice", std::string(slice)}, kBadSlice);
    // Of a name that is not the daemon's own polkit has to say something first, and it would have to ask somebody.
    refused({"UnitName", std::string("mine.scope")}, kChallenge);
    refused({"CgroupsPath", std::string("user-2001.slice:runsc:abc")}, kChallenge);
    for (const char* unit : {"init.scope", "session-1.scope", "mine\\x2d.scope", "scopewright-2001-web.scope",
                             "scopewright-2002-web.scope", "scopewright-0-web.scope", "scopewright-x.scope",
                             "scopewright-.scope", "mine.service"})
        refused({"UnitName", std::string(unit)}, kInvalid);
    CHECK(Snapshot(town.guest, {&worker.child}) == before);
}

TEST_CASE("who has left the group comes in no more, and what they have stays", "[users][attack-54]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    Town town;
    const Worker first(town.guest, kBert), second(town.guest, kBert);
    createdBy(tryCreateAs(town.bert, "web", {&first.child}));
    town.members.set({kAnna});
    // What a connection that is open may still do depends on its age: newer versions of the bus and of polkit go by the
    // groups that it came with, older ones look them up.
    const std::string error = tryCreateAs(town.bert, "more", {&second.child}).error;
    CHECK((error.empty() || error == kChallenge || error == kDenied));
    const Client again = clientOf(kBert);
    CHECK(again.manager("ListSandboxes").error == kDenied);
    CHECK(again.manager("StopSandbox", "web").error == kDenied);
    CHECK(tryCreateAs(again, "other", {&second.child}).error == kDenied);
    CHECK(first.child.alive());
    town.members.set({kAnna, kBert});
    CHECK(clientOf(kBert).manager("StopSandbox", "web").ok());
}

TEST_CASE("who is in no group is turned away by the bus, whatever polkit says", "[users][attack-54][attack-58]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    Town town("polkit.addRule(function() { return polkit.Result.YES; });");
    const Worker worker(town.guest, kCora);
    Child child;
    const Created created = town.guest.create("web", {&child});
    const auto refused = [&](const Client& client) {
        CHECK(tryCreateAs(client, "web", {&worker.child}).error == kDenied);
        for (const char* member : {"ListSandboxes", "Describe", "Reload"})
            CHECK(client.manager(member).error == kDenied);
        CHECK(client.manager("StopSandbox", "0:web").error == kDenied);
        CHECK(client.call(created.object, kSandbox, "Stop").error == kDenied);
        CHECK(client.call(kManagerPath, kProperties, "GetAll", kManager).error == kDenied);
    };
    refused(town.cora);
    CHECK(child.alive());
    // No end of starts keeps the daemon from others, even where the bus starts it before it turns a caller away.
    for (int turn = 0; turn < times(20); ++turn) {
        town.guest.stopDaemon();
        CHECK(town.cora.manager("ListSandboxes").error == kDenied);
    }
    CHECK(town.anna.manager("ListSandboxes").ok());
    CHECK(town.guest.knows("web"));
}

TEST_CASE("a name on the bus is root's, also for members of the group", "[users][attack-54]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    Town town;
    const std::string owner = town.guest.client.owner();
    REQUIRE_FALSE(owner.empty());
    // With none of its flags does a request go on a waiting list or replace the owner.
    for (std::uint32_t flags = 0; flags < 8; ++flags)
        for (const Client* client : {&town.anna, &town.cora})
            CHECK(client->bus("RequestName", "org.scopewright1", flags).error == kDenied);
    town.guest.stopDaemon();
    CHECK(town.anna.bus("RequestName", "org.scopewright1", std::uint32_t{4}).error == kDenied);
    CHECK(town.guest.client.manager("ListSandboxes").ok());
}

TEST_CASE("what a user's slice is limited to, a sandbox of theirs is limited to", "[attack-22][machine]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    Town town;
    const Worker worker(town.guest, kAnna);
    if (!hasController(kAnna.sliceGroup(), "pids")) SKIP_TEST("no controller counts processes here");
    town.guest.systemd.setProperties(kAnna.slice(), {{"TasksMax", std::uint64_t{3}}}).must();
    REQUIRE(eventually([&] { return readFile(kAnna.sliceGroup(), "pids.max") == "3"; }));
    const Properties more{{"User", std::string("anna")}, {"pids.limit", std::int64_t{-1}}};
    const Created created = createdBy(tryCreateAs(town.anna, "web", {&worker.child}, more));
    const pid_t forking = ::fork();
    if (forking == 0) {
        while (!controlGroupOf(::getpid()).starts_with(created.payload()))
            ::poll(nullptr, 0, 5);
        int born = 0;
        while (born < 20 && ::fork() > 0)
            ++born;
        ::_exit(born);
    }
    REQUIRE(moveInto(created.payload(), forking) == 0);
    int status = 0;
    REQUIRE(::waitpid(forking, &status, 0) == forking);
    // The two that are there, and one child.
    CHECK(WEXITSTATUS(status) == 1);
    town.guest.systemd.setProperties(kAnna.slice(), {{"TasksMax", UINT64_MAX}}).must();
}
