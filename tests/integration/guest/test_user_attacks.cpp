// SPDX-License-Identifier: LGPL-2.1-or-later
// Members of the group who are hostile: to the daemon, and through it to others.
#include "base/fd.h"
#include "catch.h"
#include "error_names.h"
#include "guest/forged_signals.h"
#include "guest/snapshot.h"
#include "guest/users.h"
#include "program.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <fstream>
#include <stdexcept>

using namespace scopewright::integration;
using scopewright::BorrowedFds;
using scopewright::Properties;
using scopewright::Property;
using scopewright::UniqueFd;
namespace bus = scopewright::bus;

namespace {

const std::uint64_t kNoFlags = 0;

using Pids = std::vector<std::uint32_t>;

std::size_t descriptorsOf(pid_t pid) {
    const std::filesystem::directory_iterator all("/proc/" + std::to_string(pid) + "/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

/// As long as it lives PID 1 does not start the unit: another one comes before it, which reads to the end of what the
/// test does not close.
class HeldStart {
public:
    HeldStart(const Guest& guest, const std::string& unit) : guest_(guest) {
        std::ofstream(kUnit) << "[Unit]\nBefore=" << unit << "\n[Service]\nType=oneshot\nExecStart=/bin/cat " << kHold
                             << "\n";
        if (::mkfifo(kHold, 0600) < 0) throw std::runtime_error("cannot make a pipe");
        guest_.systemd.reload();
        run({"systemctl", "start", "--no-block", "test-hold.service"});
        // It can be opened for writing as soon as somebody reads.
        const auto reads = [&] { return bool(hold_ = UniqueFd(::open(kHold, O_WRONLY | O_NONBLOCK | O_CLOEXEC))); };
        if (!eventually(reads)) throw std::runtime_error("the unit that is to come first does not start");
    }
    HeldStart(HeldStart&&) = delete;
    ~HeldStart() {
        ::unlink(kUnit);
        ::unlink(kHold);
    }

private:
    static constexpr const char* kUnit = "/run/systemd/system/test-hold.service";
    static constexpr const char* kHold = "/run/scopewright-test-hold";

    const Guest& guest_;
    UniqueFd hold_;
};

/// How many of the calls have ended with this error, after all of them have ended.
std::size_t endedWith(std::deque<Pending>& calls, const std::string& error) {
    std::size_t count = 0;
    for (Pending& call : calls)
        count += call.wait().error == error;
    return count;
}

/// The error of a call that a process of the user's makes in new namespaces.
std::string fromNamespace(const User& user, int spaces, const std::function<std::string(const Client&)>& ask) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) < 0) return "no pipe";
    const int writable = ends[1];
    const int status = asUser(user, [&] {
        if (::unshare(spaces) < 0) return 1;
        // A new pid namespace is for children.
        const pid_t inner = ::fork();
        if (inner == 0) {
            std::string error = "no answer";
            try {
                error = ask(Client());
            } catch (const std::exception& failure) {
                error = failure.what();
            }
            ::_exit(::write(writable, error.data(), error.size()) < 0 ? 1 : 0);
        }
        ::waitpid(inner, nullptr, 0);
        return 0;
    });
    ::close(ends[1]);
    std::string error(300, '\0');
    const ssize_t length = ::read(ends[0], error.data(), error.size());
    ::close(ends[0]);
    error.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
    return status == 0 ? error : "no namespace";
}

} // namespace

TEST_CASE("a member's signals, whoever they pretend to be of, change nothing", "[users][attack-43][attack-44]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    Town town;
    Recorder recorder("type='signal',sender='org.scopewright1',path_namespace='/org/scopewright1'");
    const Worker annas(town.guest, kAnna);
    const Created created = createdBy(tryCreateAs(town.anna, "web", {&annas.child}));
    const std::string daemon = town.guest.client.owner();
    const pid_t pid = town.guest.daemonPid();
    const auto forge = [&](const Client& client) {
        forgeSignals(client, daemon, created);
        forgeSignals(client, "", created);
    };
    forge(town.bert);
    forge(town.cora);
    // Also in the middle of a request.
    const Worker more(town.guest, kAnna);
    Created other = created;
    other.unit = "scopewright-2001-second.scope";
    Pending request(town.anna, town.anna.request(kManagerPath, kManager, "CreateSandbox", "second",
                                                 Properties{{"PIDs", numbers({&more.child})}}, kNoFlags));
    forgeSignals(town.bert, daemon, other);
    CHECK(createdBy(request.wait()).unit == other.unit);
    CHECK(sandboxesIn(town.anna.manager("ListSandboxes")).size() == 2);
    CHECK(recorder.count([](const Signal& signal) { return signal.member == "SandboxRemoved"; }) == 0);
    CHECK(town.guest.daemonPid() == pid);
    CHECK(town.guest.client.owner() == daemon);
}

TEST_CASE("who floods the daemon with calls is told so, and others have their answers", "[users][attack-49]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    Town town;
    constexpr std::size_t kCalls = 1000;
    constexpr std::size_t kCallsPerClient = 128;
    const Worker berts(town.guest, kBert);
    createdBy(tryCreateAs(town.bert, "web", {&berts.child}));
    Child child;
    std::deque<Pending> flood;
    {
        // Each of these calls waits for polkit's word.
        Polkit::Pause pause(town.polkit);
        for (std::size_t i = 0; i < kCalls; ++i)
            flood.emplace_back(town.anna, town.anna.request(kManagerPath, kManager, "ListSandboxes"));
        CHECK(town.bert.manager("GetSandbox", "web").ok());
        CHECK(town.bert.manager("FreezeSandbox", "web").ok());
        CHECK(town.bert.manager("ThawSandbox", "web").ok());
        CHECK(town.guest.tryCreate("web", {&child}).ok());
        // A user's refusals come so many in a second as well.
        const auto over = [&] {
            while (bus::check(sd_bus_process(town.anna.raw(), nullptr), "hear of refusals") > 0) {}
            return static_cast<std::size_t>(std::ranges::count_if(flood, &Pending::over));
        };
        CHECK(eventually([&] { return over() == kCalls - kCallsPerClient; }));
    }
    CHECK(endedWith(flood, kLimits) == kCalls - kCallsPerClient);
    CHECK(endedWith(flood, "") == kCallsPerClient);
    CHECK(town.anna.manager("ListSandboxes").ok());
}

TEST_CASE("a flood from many connections keeps nobody else from working", "[users][attack-49][attack-59]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    Town town;
    std::deque<Client> connections;
    std::deque<Pending> flood;
    Child child;
    {
        Polkit::Pause pause(town.polkit);
        for (int connection = 0; connection < 6; ++connection) {
            connections.emplace_back(clientOf(kAnna));
            for (int call = 0; call < 100; ++call)
                flood.emplace_back(connections.back(),
                                   connections.back().request(kManagerPath, kManager, "ListSandboxes"));
        }
        const Answer created = town.guest.tryCreate("web", {&child});
        CHECK(created.error + created.text == "");
        CHECK(town.guest.client.manager("StopSandbox", "web").ok());
    }
    for (Pending& call : flood)
        call.wait();
    CHECK(town.anna.manager("ListSandboxes").ok());
}

TEST_CASE("a user who has asked for many starts stands before nobody else's start", "[users][attack-49][attack-59]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    Town town;
    // PID 1 does one job of ours at a time, so that nothing but the order decides who waits for whom.
    town.guest.configure("[limits]\njobs = 1\njobs-per-user = 1\n");
    constexpr std::size_t kStarts = 40;
    std::deque<Worker> annas;
    for (std::size_t i = 0; i < kStarts; ++i)
        annas.emplace_back(town.guest, kAnna);
    const Worker berts(town.guest, kBert);
    Recorder recorder;
    const auto start = [](const Client& client, const std::string& id, const Worker& worker) {
        return client.request(kManagerPath, kManager, "CreateSandbox", id,
                              Properties{{"PIDs", numbers({&worker.child})}}, kNoFlags);
    };
    std::deque<Pending> calls;
    const auto ask = [&] {
        const HeldStart first(town.guest, "scopewright-2001-a0.scope");
        for (std::size_t i = 0; i < kStarts; ++i)
            calls.emplace_back(town.anna, start(town.anna, "a" + std::to_string(i), annas[i]));
        // Of one user polkit is asked in order: when it has answered this, all before it wait for the first one.
        CHECK(town.anna.manager("Reload").error == kChallenge);
        calls.emplace_back(town.bert, start(town.bert, "b", berts));
        CHECK(town.bert.manager("Reload").error == kChallenge);
    };
    ask();
    CHECK(endedWith(calls, "") == kStarts + 1);
    // The daemon tells of each as it comes.
    std::size_t before = 0;
    bool over = false;
    recorder.count([&](const Signal& signal) {
        if (signal.member != "SandboxNew") return false;
        over = over || std::get<0>(signal.get<std::string>()) == "b";
        before += !over;
        return true;
    });
    CHECK(over);
    CHECK(before < kStarts / 10);
}

TEST_CASE("what a user may have is counted over all connections of theirs, and for each user", "[users][attack-52]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    Town town;
    town.guest.configure("[limits]\nsandboxes-per-user = 2\ngroups-per-user = 4\ngroups-per-sandbox = 3\n");
    std::deque<Worker> workers;
    const auto create = [&](const User& user, const Client& client, const std::string& id) {
        workers.emplace_back(town.guest, user);
        return tryCreateAs(client, id, {&workers.back().child}).error;
    };
    const auto group = [&](const std::string& id, const std::string& name) {
        return town.anna.manager("CreateCompatGroup", id, name, Properties(), kNoFlags).error;
    };
    CHECK(create(kAnna, town.anna, "a1") == "");
    CHECK(create(kAnna, town.anna, "a2") == "");
    CHECK(create(kAnna, town.anna, "a3") == kLimits);
    // On another connection it is still Anna.
    CHECK(create(kAnna, clientOf(kAnna), "a3") == kLimits);
    CHECK(group("a1", "c1") == "");
    CHECK(group("a1", "c2") == "");
    CHECK(group("a1", "c3") == kLimits);
    CHECK(group("a2", "c1") == kLimits);
    CHECK(create(kBert, town.bert, "b1") == "");
    CHECK(town.anna.manager("StopSandbox", "a1").ok());
    CHECK(create(kAnna, town.anna, "a3") == "");
}

TEST_CASE("what a member sends besides is closed, and what is too much of it is refused",
          "[users][attack-28][attack-50][attack-51]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    Town town;
    const Worker worker(town.guest, kAnna), spare(town.guest, kAnna);
    createdBy(tryCreateAs(town.anna, "web", {&worker.child}));
    const UniqueFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const BorrowedFds many{std::vector<int>(16, file.value())};
    const auto send = [&] {
        for (const char* member : {"NoSuchMethod", "StopSandbox", "ListSandboxes", "Reload", "CreateSandbox"})
            CHECK_FALSE(town.anna.manager(member, many).ok());
        CHECK(town.anna.manager("AttachProcessFDs", "web", "payload", many).error == kInvalid);
        CHECK(town.anna.manager("AttachProcessFDs", "0:web", "payload", many).error == kNoSandbox);
        const Properties properties{{"PIDFDs", many}};
        CHECK(town.anna.manager("CreateSandbox", "more", properties, kNoFlags).error == kInvalid);
    };
    const std::size_t before = descriptorsOf(town.guest.daemonPid());
    for (int turn = 0; turn < times(50); ++turn)
        send();
    // An answer may be here before its question is forgotten.
    CHECK(eventually([&] { return descriptorsOf(town.guest.daemonPid()) == before; }));
    const auto refused = [&](const Properties& properties, const std::string& error) {
        CHECK(tryCreateAs(town.anna, "more", {&spare.child}, properties).error == error);
    };
    refused({{"Description", std::string(70000, 'a')}}, kLimits);
    refused({{"resources", "{\"x\":" + std::string(30000, '[')}}, kLimits);
    refused({{"resources", std::string(60000, ' ') + "{}" + std::string(6000, ' ')}}, kLimits);
    refused(Properties(65, Property{"memory.limit", std::int64_t{268435456}}), kLimits);
    CHECK(town.anna.manager("AttachProcesses", "web", "payload", Pids(1025, spare.child.number())).error == kLimits);
    CHECK(town.anna.manager("AttachProcesses", "web", "payload", Pids(2, spare.child.number())).error == kInvalid);
    CHECK(spare.child.controlGroup().find("scopewright") == std::string::npos);
}

TEST_CASE("a member in a pid namespace of their own names processes by descriptor only", "[users][attack-27]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    Town town;
    const Worker first(town.guest, kAnna);
    createdBy(tryCreateAs(town.anna, "web", {&first.child}));
    // Only in a user namespace of one's own can one have a pid namespace, and who has a number there is somebody here.
    const Pids one{1};
    const auto ask = [&](const std::function<Answer(const Client&)>& call) {
        return fromNamespace(kAnna, CLONE_NEWUSER | CLONE_NEWPID,
                             [&](const Client& client) { return call(client).error; });
    };
    CHECK(ask([&](const Client& client) { return client.manager("ListSandboxes"); }) == "");
    const std::string unsupported = "org.freedesktop.DBus.Error.NotSupported";
    CHECK(ask([&](const Client& client) { return client.manager("AttachProcesses", "web", "payload", one); }) ==
          unsupported);
    CHECK(ask([&](const Client& client) {
              return client.manager("CreateSandbox", "more", Properties{{"PIDs", one}}, kNoFlags);
          }) == unsupported);
    CHECK(ask([&](const Client& client) { return client.manager("GetSandboxByPID", std::uint32_t{1}); }) ==
          unsupported);
}

TEST_CASE("who lives in another user namespace is not moved by whom, nor moves whom, it does not know",
          "[users][attack-20][attack-27]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    Town town;
    const Worker first(town.guest, kAnna), outside(town.guest, kAnna);
    const Worker inside(town.guest, kAnna, [](const std::function<void()>& ready) {
        if (::unshare(CLONE_NEWUSER) < 0) ::_exit(1);
        std::ofstream("/proc/self/setgroups") << "deny";
        std::ofstream("/proc/self/uid_map") << "0 " << kAnna.uid << " 1\n";
        std::ofstream("/proc/self/gid_map") << "0 " << kAnna.uid << " 1\n";
        Child::sleep(ready);
    });
    createdBy(tryCreateAs(town.anna, "web", {&first.child}));
    const Snapshot before(town.guest, {&first.child, &outside.child, &inside.child});
    CHECK(tryCreateAs(town.anna, "more", {&inside.child}).error == kDenied);
    CHECK(town.anna.manager("AttachProcesses", "web", "payload", Pids{inside.child.number()}).error == kDenied);
    const auto ask = [&](const Child& child) {
        return fromNamespace(kAnna, CLONE_NEWUSER, [&](const Client& client) {
            return client.manager("AttachProcesses", "web", "payload", Pids{child.number()}).error;
        });
    };
    CHECK(ask(outside.child) == kDenied);
    CHECK(Snapshot(town.guest, {&first.child, &outside.child, &inside.child}) == before);
}

TEST_CASE("a user who makes groups all the time has to wait, and nobody else has", "[users][attack-33]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    Town town;
    town.guest.configure("[limits]\nnew-groups-at-once = 4\nnew-groups-per-second = 1\n");
    const Worker annas(town.guest, kAnna), berts(town.guest, kBert);
    createdBy(tryCreateAs(town.anna, "web", {&annas.child}));
    createdBy(tryCreateAs(town.bert, "web", {&berts.child}));
    const auto make = [](const Client& client, const std::string& id) {
        return client.manager("CreateCompatGroup", id, "c1", Properties(), kNoFlags);
    };
    const auto remove = [](const Client& client, const std::string& id) {
        return client.manager("RemoveGroup", id, "c1");
    };
    const auto makeAgain = [&] {
        const Answer made = make(town.anna, "web");
        if (made.ok()) remove(town.anna, "web").must();
        return made;
    };
    // A second passes in which one more is let through, more than once where the machine is slow, but not each time.
    Answer refused;
    CHECK(eventually([&] { return !(refused = makeAgain()).ok(); }, patience(), 0));
    CHECK(refused.error == kLimits);
    CHECK_FALSE(exists(kAnna.sliceGroup() + "/scopewright-2001-web.scope/c1"));
    CHECK(make(town.bert, "web").ok());
    CHECK(remove(town.bert, "web").ok());
    for (int i = 0; i < 8; ++i) {
        CHECK(make(town.guest.client, "2001:web").ok());
        CHECK(remove(town.guest.client, "2001:web").ok());
    }
    CHECK(eventually([&] { return makeAgain().ok(); }));
}

TEST_CASE("no systemd of these guests is taken for one that users can bring down", "[users][attack-66]") {
    if (!Polkit::whyNot().empty()) SKIP_TEST(Polkit::whyNot());
    Town town;
    // The versions are a distribution's, with what it adds to the number.
    town.guest.configure("[sandbox]\nrefuse-vulnerable-systemd = true\n");
    const Worker worker(town.guest, kAnna);
    CHECK(createdBy(tryCreateAs(town.anna, "web", {&worker.child})).unit == "scopewright-2001-web.scope");
}
