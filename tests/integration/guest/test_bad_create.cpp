// SPDX-License-Identifier: LGPL-2.1-or-later
// Requests for sandboxes that must be refused, each with its error, and none with an effect.
#include "base/fd.h"
#include "catch.h"
#include "guest/guest.h"
#include "guest/snapshot.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

using namespace scopewright::integration;
using scopewright::BorrowedFds;
using scopewright::Properties;
using scopewright::Property;
using scopewright::Value;

namespace {

using Pids = std::vector<std::uint32_t>;

Value text(std::string value) {
    return value;
}

Value number(std::int64_t value) {
    return value;
}

struct Bad {
    Property property;
    const char* error;
};

} // namespace

TEST_CASE("ids that are not of the grammar are refused", "[attack-1][attack-6][attack-7]") {
    Guest guest;
    Child child;
    const Snapshot before(guest, {&child});
    const std::string longest(64, 'a');
    for (const std::string& id :
         {std::string(), std::string("."), std::string(".."), std::string("a/b"), longest + "a", std::string("x\ny"),
          std::string("\xc3\xa9"), std::string("A B"), std::string("Web"), std::string("-a"), std::string("_a"),
          std::string(".a"), std::string("a:b"), std::string("1000:a"), std::string("a\\x2d"), std::string("a%n"),
          std::string("a*"), std::string("../../x")}) {
        CAPTURE(id);
        CHECK(guest.tryCreate(id, {&child}).error == kInvalid);
    }
    CHECK(Snapshot(guest, {&child}) == before);
    CHECK(guest.create(longest, {&child}).unit == "scopewright-0-" + longest + ".scope");
}

TEST_CASE("properties that are no sandbox's, or of another type, or out of range, are refused",
          "[attack-5][attack-6][attack-7][attack-8][attack-9][attack-10][attack-61]") {
    Guest guest;
    Child child;
    const Snapshot before(guest, {&child});
    const std::string limits = std::string(65, 'a');
    const std::vector<Bad> all{
        // What PID 1 would take, and nobody may ask for.
        {{"ExecStart", text("/bin/true")}, kNotAllowed},
        {{"Conflicts", text("dbus.service")}, kNotAllowed},
        {{"OnFailure", text("poweroff.target")}, kNotAllowed},
        {{"MemoryMax", std::uint64_t{1 << 30}}, kNotAllowed},
        {{"Delegate", false}, kNotAllowed},
        {{"Controller", text(":1.1")}, kNotAllowed},
        {{"", text("")}, kNotAllowed},
        {{"memory.limits", number(268435456)}, kNotAllowed},
        {{"memory.max", number(268435456)}, kNotAllowed},
        {{"cgroup.kill", text("1")}, kNotAllowed},
        // Slices.
        {{"Slice", text("system.slice")}, kBadSlice},
        {{"Slice", text("-.slice")}, kBadSlice},
        {{"Slice", text("a--b.slice")}, kBadSlice},
        {{"Slice", text("x.scope")}, kBadSlice},
        {{"Slice", text("user-0.slice")}, kBadSlice},
        {{"Slice", text("kubepods-.slice")}, kBadSlice},
        {{"Slice", text("machine.slice/x")}, kBadSlice},
        {{"Slice", text("kubepods-a\nb.slice")}, kBadSlice},
        {{"CgroupsPath", text("system.slice:runsc:abc")}, kBadSlice},
        // Unit names.
        {{"UnitName", text("")}, kInvalid},
        {{"UnitName", text(".scope")}, kInvalid},
        {{"UnitName", text("a.service")}, kInvalid},
        {{"UnitName", text("init.scope")}, kInvalid},
        {{"UnitName", text("session-1.scope")}, kInvalid},
        {{"UnitName", text("scopewright-0-x.scope")}, kInvalid},
        {{"UnitName", text("scopewright-1000-x.scope")}, kInvalid},
        {{"UnitName", text("a b.scope")}, kInvalid},
        {{"UnitName", text("../a.scope")}, kInvalid},
        {{"UnitName", text("a@.scope")}, kInvalid},
        {{"UnitName", text("-a.scope")}, kInvalid},
        {{"UnitName", text("a\\x2d.scope")}, kInvalid},
        {{"UnitName", text(std::string(250, 'a') + ".scope")}, kInvalid},
        {{"CgroupsPath", text("machine.slice:runsc")}, kInvalid},
        {{"CgroupsPath", text("machine.slice:runsc:a:b")}, kInvalid},
        {{"CgroupsPath", text("machine.slice:runsc:")}, kInvalid},
        {{"CgroupsPath", text("machine.slice:runsc:../a")}, kInvalid},
        {{"CgroupsPath", text("machine.slice:scopewright:0-a")}, kInvalid},
        // Texts.
        {{"Description", text("a\nOnFailure=poweroff.target")}, kInvalid},
        {{"Description", text("a\\")}, kInvalid},
        {{"Description", text("100%")}, kInvalid},
        {{"Description", text("[scopewright v=1")}, kInvalid},
        {{"Description", text(std::string(129, 'a'))}, kInvalid},
        {{"Token", text("")}, kInvalid},
        {{"Token", text("a b")}, kInvalid},
        {{"Token", text("a=b")}, kInvalid},
        {{"Token", text("a\nb")}, kInvalid},
        {{"Token", text(std::string(65, 'a'))}, kInvalid},
        {{"User", text("no-such-user")}, kInvalid},
        {{"User", text("4294967295")}, kInvalid},
        {{"User", text("-1")}, kInvalid},
        {{"Group", text("")}, kInvalid},
        // Numbers.
        {{"TimeoutStopUSec", std::uint64_t{0}}, kInvalid},
        {{"RuntimeMaxUSec", UINT64_MAX}, kInvalid},
        {{"memory.limit", number(0)}, kInvalid},
        {{"memory.limit", number(1)}, kInvalid},
        {{"memory.limit", number(4095)}, kInvalid},
        {{"memory.limit", number(-2)}, kInvalid},
        {{"memory.limit", UINT64_MAX - 1}, kInvalid},
        {{"memory.swap", number(268435456)}, kInvalid},
        {{"cpu.shares", number(-1)}, kInvalid},
        {{"cpu.quota", number(999)}, kInvalid},
        {{"cpu.period", number(999)}, kInvalid},
        {{"cpu.period", number(1000001)}, kInvalid},
        {{"pids.limit", number(-2)}, kInvalid},
        // Types.
        {{"memory.limit", text("1G")}, kInvalid},
        {{"memory.limit", std::vector<std::uint32_t>{1}}, kInvalid},
        {{"Slice", number(1)}, kInvalid},
        {{"Token", std::vector<std::string>{"a"}}, kInvalid},
        {{"Strict", std::uint32_t{1}}, kInvalid},
        {{"TimeoutStopUSec", text("10s")}, kInvalid},
        {{"User", std::uint32_t{65534}}, kInvalid},
        {{"PIDFDs", Pids{1}}, kInvalid},
    };
    for (const Bad& bad : all) {
        CAPTURE(bad.property.name, bad.property.value.index());
        const Answer answer = guest.tryCreate("web", {&child}, {bad.property});
        CHECK(answer.error == std::string(bad.error));
        CHECK(isPlainSentence(answer.text));
    }
    CHECK(Snapshot(guest, {&child}) == before);
}

TEST_CASE("properties that contradict each other are refused", "[attack-50]") {
    Guest guest;
    Child child;
    const Snapshot before(guest, {&child});
    const auto refused = [&](const Properties& properties, const char* error) {
        CAPTURE(properties.front().name);
        CHECK(guest.tryCreate("web", {&child}, properties).error == std::string(error));
    };
    const Property path{"CgroupsPath", text("machine.slice:runsc:abc")};
    refused({path, {"Slice", text("machine.slice")}}, kInvalid);
    refused({path, {"UnitName", text("a.scope")}}, kInvalid);
    refused({{"Token", text("a")}, {"Token", text("a")}}, kInvalid);
    refused({{"memory.limit", number(268435456)}, {"memory.swap", number(134217728)}}, kInvalid);
    Properties many;
    for (int i = 0; i < 65; ++i)
        many.push_back({"memory.limit", number(268435456)});
    refused(many, kLimits);
    refused({{"Description", text(std::string(70000, 'a'))}}, kLimits);
    CHECK(
        guest.client.manager("CreateSandbox", "web", Properties{{"PIDs", numbers({&child})}}, std::uint64_t{1}).error ==
        kInvalid);
    CHECK(Snapshot(guest, {&child}) == before);
}

TEST_CASE("processes that cannot be moved, or may not be, are refused",
          "[fault-37][fault-38][attack-21][attack-23][attack-24][attack-25][attack-26][attack-28][machine]") {
    Guest guest;
    Child child, dead, other;
    Child split(Child::splitLeader);
    dead.kill();
    guest.create("taken", {&other});
    REQUIRE(eventually([&] { return processesOf(split.controlGroup()).size() > 0; }));
    const pid_t daemon = guest.daemonPid();
    const Snapshot before(guest, {&child, &other});
    const auto pids = [&](const Pids& numbers, const char* error) {
        CAPTURE(numbers);
        const Answer answer =
            guest.client.manager("CreateSandbox", "web", Properties{{"PIDs", numbers}}, std::uint64_t{0});
        CHECK(answer.error == std::string(error));
        CHECK(isPlainSentence(answer.text));
    };
    pids({}, kInvalid);
    pids({0}, kInvalid);
    pids({child.number(), 0}, kInvalid);
    pids({1}, kBadProcess);
    if (inMachine()) pids({2}, kBadProcess); // kthreadd; a container has none
    pids({static_cast<std::uint32_t>(daemon)}, kBadProcess);
    pids({child.number(), static_cast<std::uint32_t>(daemon)}, kBadProcess);
    pids({UINT32_MAX}, kNoProcess);
    pids({INT32_MAX}, kNoProcess);
    pids({dead.number()}, kNoProcess);
    pids({child.number(), dead.number()}, kNoProcess);
    pids({split.number()}, kBadProcess);
    pids({child.number(), child.number()}, kInvalid);
    pids({other.number()}, "org.scopewright1.Error.ForeignUnit");
    pids(Pids(1025, child.number()), kLimits);
    CHECK(guest.client.manager("CreateSandbox", "web", Properties(), std::uint64_t{0}).error == kInvalid);
    CHECK(Snapshot(guest, {&child, &other}) == before);
    CHECK(guest.daemonPid() == daemon);
}

TEST_CASE("descriptors that are no pidfds, or of dead processes, are refused", "[attack-19][attack-28]") {
    Guest guest;
    Child child, dead;
    dead.kill();
    dead.reap();
    const Snapshot before(guest, {&child});
    const scopewright::UniqueFd file(::open("/etc/hostname", O_RDONLY | O_CLOEXEC));
    const scopewright::UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const scopewright::UniqueFd proc(::open(("/proc/" + std::to_string(child.pid())).c_str(), O_RDONLY | O_CLOEXEC));
    const auto fds = [&](const std::vector<int>& list, const char* error) {
        const Properties properties{{"PIDFDs", BorrowedFds{list}}};
        CHECK(guest.client.manager("CreateSandbox", "web", properties, std::uint64_t{0}).error == std::string(error));
    };
    fds({}, kInvalid);
    fds({file.value()}, kInvalid);
    fds({null.value()}, kInvalid);
    fds({child.pidfd(), file.value()}, kInvalid);
    fds({proc.value()}, kInvalid);
    fds({dead.pidfd()}, kNoProcess);
    fds({child.pidfd(), child.pidfd()}, kInvalid);
    Properties both{{"PIDFDs", BorrowedFds{{child.pidfd()}}}};
    CHECK(guest.tryCreate("web", {&child}, both).error == kInvalid);
    CHECK(Snapshot(guest, {&child}) == before);
}

TEST_CASE("a caller in another pid namespace cannot name processes by number, but by descriptor", "[attack-27]") {
    Guest guest;
    Child child;
    const Snapshot before(guest, {&child});
    const auto ask = [&](const Properties& properties) {
        int ends[2];
        REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
        const int writable = ends[1];
        const Child::Life caller = [&](const std::function<void()>& ready) {
            // The one that unshares stays outside; its child is pid 1 of the new namespace.
            if (::unshare(CLONE_NEWPID) < 0) ::_exit(1);
            const pid_t inner = ::fork();
            if (inner == 0) {
                std::string error = "no answer";
                try {
                    error = Client().manager("CreateSandbox", "web", properties, std::uint64_t{0}).error;
                } catch (const std::exception& failure) {
                    error = failure.what();
                }
                ::_exit(::write(writable, error.data(), error.size()) < 0 ? 1 : 0);
            }
            ::waitpid(inner, nullptr, 0);
            ready();
        };
        Child outer(caller);
        ::close(ends[1]);
        std::string error(200, '\0');
        const ssize_t length = ::read(ends[0], error.data(), error.size());
        ::close(ends[0]);
        error.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
        return error;
    };
    CHECK(ask({{"PIDs", numbers({&child})}}) == "org.freedesktop.DBus.Error.NotSupported");
    CHECK(Snapshot(guest, {&child}) == before);
    CHECK(ask({{"PIDFDs", BorrowedFds{{child.pidfd()}}}}).empty());
    CHECK(guest.knows("web"));
}
