// SPDX-License-Identifier: LGPL-2.1-or-later
// Who asks, for which processes, under which name: everything that is refused before PID 1 hears of it.
#include "bench.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

using namespace scopewright;
using namespace scopewright::unit;

namespace {

Properties numbers(std::vector<std::uint32_t> list) {
    return Properties(1, Property{"PIDs", std::move(list)});
}

Properties pidfds(std::vector<int> list) {
    return Properties(1, Property{"PIDFDs", BorrowedFds{std::move(list)}});
}

/// A kernel thread that this process can see, or 0.
std::uint32_t kernelThread() {
    std::ifstream stat("/proc/2/stat");
    std::string line;
    std::getline(stat, line);
    return line.find("(kthreadd)") != std::string::npos ? 2 : 0;
}

/// Refused, and PID 1 was not even asked.
void refusedUnasked(Bench& bench, const std::string& id, const Properties& properties, const std::string& error,
                    const char* sender = Bench::kRoot) {
    const std::size_t asked = bench.systemd.log().size();
    REFUSED(bench, bench.create(id, properties, sender), error);
    CHECK(bench.systemd.log().size() == asked);
}

} // namespace

TEST_CASE("a sandbox's id is short, lower-case and no path", "[attack-1][attack-6]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    for (const std::string& id :
         {std::string(""),         std::string(".."),      std::string("."),      std::string("a/b"),
          std::string("../x"),     std::string("/a"),      std::string(65, 'a'),  std::string("x\ny"),
          std::string("\xc3\xa9"), std::string("A B"),     std::string("Web"),    std::string("-a"),
          std::string("_a"),       std::string(".a"),      std::string("a\\x2d"), std::string("a%b"),
          std::string("1000:web"), std::string("0:web:x"), std::string(":web"),   std::string("a:b"),
          std::string("\x1b[31m")}) {
        CAPTURE(id);
        refusedUnasked(bench, id, pids(child), fd("InvalidArgs"));
    }
    for (const std::string& id : {std::string(64, 'a'), std::string("a"), std::string("0.a_b-c")}) {
        CAPTURE(id);
        CHECK(bench.answer(bench.create(id, pids(bench.child())))->text == "");
    }
}

TEST_CASE("a sandbox needs a process that exists, lives and may be moved",
          "[fault-37][attack-23][attack-24][attack-25]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    Child& zombie = bench.child(Child::Kind::Zombie);
    Child& split = bench.child(Child::Kind::SplitLeader);
    const auto self = static_cast<std::uint32_t>(::getpid());
    refusedUnasked(bench, "web", {}, fd("InvalidArgs"));
    refusedUnasked(bench, "web", numbers({}), fd("InvalidArgs"));
    refusedUnasked(bench, "web", numbers({0}), fd("InvalidArgs"));
    refusedUnasked(bench, "web", numbers({1}), ours("ProcessNotAllowed"));
    refusedUnasked(bench, "web", numbers({self}), ours("ProcessNotAllowed"));
    refusedUnasked(bench, "web", numbers({4294967295U}), fd("UnixProcessIdUnknown"));
    refusedUnasked(bench, "web", numbers({4194304}), fd("UnixProcessIdUnknown"));
    refusedUnasked(bench, "web", pids(zombie), fd("UnixProcessIdUnknown"));
    refusedUnasked(bench, "web", pids(split), ours("ProcessNotAllowed"));
    refusedUnasked(bench, "web", pids({&child, &child}), fd("InvalidArgs"));
    refusedUnasked(bench, "web", pids({&child, &zombie}), fd("UnixProcessIdUnknown"));
    refusedUnasked(bench, "web", numbers({child.number(), 1}), ours("ProcessNotAllowed"));
    if (kernelThread()) refusedUnasked(bench, "web", numbers({kernelThread()}), ours("ProcessNotAllowed"));
    CHECK(bench.answer(bench.create("web", pids(child)))->text == "");
}

TEST_CASE("a process that was there and is gone is unknown, whoever has its number now", "[attack-19]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    child.kill();
    refusedUnasked(bench, "web", pids(child), fd("UnixProcessIdUnknown"));
    refusedUnasked(bench, "web", pidfds({child.pidfd()}), fd("UnixProcessIdUnknown"));
    child.reap();
    refusedUnasked(bench, "web", pidfds({child.pidfd()}), fd("UnixProcessIdUnknown"));
}

TEST_CASE("a number that changes hands between the call and the move is not moved as if it had not", "[attack-19]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    Pending request = bench.create("a-hang", pids(child));
    REQUIRE(bench.until([&] { return bench.systemd.find(bench.unitOf("a-hang")) != nullptr; }));
    child.kill();
    child.reap();
    // The number is anybody's from here on.
    bench.systemd.release(bench.unitOf("a-hang"));
    CHECK(bench.answer(request)->error == fd("UnixProcessIdUnknown"));
    bench.settle();
    CHECK(bench.systemd.names().empty());
    CHECK(bench.list().empty());
}

TEST_CASE("a thread that is not its process's first is no process") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& split = bench.child(Child::Kind::SplitLeader);
    std::uint32_t thread = 0;
    // Its second thread got the next free number in nearly all cases; the directory says which.
    for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(split.pid()) + "/task"))
        if (entry.path().filename() != std::to_string(split.pid()))
            thread = static_cast<std::uint32_t>(std::stoul(entry.path().filename()));
    REQUIRE(thread != 0);
    refusedUnasked(bench, "web", numbers({thread}), fd("InvalidArgs"));
}

TEST_CASE("pidfds are pidfds, each of another process", "[attack-28]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    const int file = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    refusedUnasked(bench, "web", pidfds({file}), fd("InvalidArgs"));
    refusedUnasked(bench, "web", pidfds({child.pidfd(), file}), fd("InvalidArgs"));
    refusedUnasked(bench, "web", pidfds({child.pidfd(), child.pidfd()}), fd("InvalidArgs"));
    refusedUnasked(bench, "web", with(pids(child), "PIDFDs", BorrowedFds{{child.pidfd()}}), fd("InvalidArgs"));
    ::close(file);
    CHECK(bench.answer(bench.create("web", pidfds({child.pidfd()})))->text == "");
    CHECK(child.controlGroup() == bench.scopeOf("web") + "/payload");
}

TEST_CASE("no more than so many processes in one call", "[attack-28]") {
    NEEDS_CGROUPS();
    Bench bench;
    std::vector<std::uint32_t> list;
    for (std::uint32_t i = 0; i < 1025; ++i)
        list.push_back(100000 + i);
    refusedUnasked(bench, "web", numbers(list), fd("LimitsExceeded"));
}

TEST_CASE("a process of another sandbox is not for the taking", "[attack-21]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.sandbox("web");
    Child& other = bench.child();
    refusedUnasked(bench, "second", pids({&other, &child}), ours("ForeignUnit"));
}

TEST_CASE("who is not root makes no sandbox, whatever they ask for") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    refusedUnasked(bench, "web", pids(child), fd("AccessDenied"), Bench::kAlice);
    refusedUnasked(bench, "", {}, fd("AccessDenied"), Bench::kAlice);
    refusedUnasked(bench, "web", pids(child), fd("AccessDenied"), Bench::kStranger);
    CHECK(bench.answer(bench.manager(Bench::kAlice, "Reload"))->error == fd("AccessDenied"));
    CHECK(bench.answer(bench.manager(Bench::kStranger, "ListSandboxes"))->error == fd("AccessDenied"));
}

TEST_CASE("a caller whose bus died between call and question is nobody", "[attack-47]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    bench.driver.clients.erase(Bench::kRoot);
    Pending request = bench.answer(bench.create("web", pids(child)));
    CHECK(request->error == fd("AccessDenied"));
    CHECK(bench.systemd.names().empty());
}

TEST_CASE("numbers from a caller in another pid namespace name nobody here, pidfds do", "[attack-27]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& caller = bench.child(Child::Kind::Namespaced);
    Child& child = bench.child();
    bench.driver.clients[":1.30"] = {0, caller.number()};
    refusedUnasked(bench, "web", pids(child), fd("NotSupported"), ":1.30");
    CHECK(bench.answer(bench.create("web", pidfds({child.pidfd()}), ":1.30"))->text == "");
}

TEST_CASE("a slice is one that the configuration allows, exactly", "[attack-7][attack-8]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    for (const char* slice : {"system.slice", "-.slice", "a--b.slice", "x.scope", "user-0.slice", "init.scope",
                              "machine", "kubepods.slice/../system.slice", "kubepods-.slice", "../machine.slice",
                              "machine.slice\n", "Machine.slice", "machine-x.slice"}) {
        CAPTURE(slice);
        refusedUnasked(bench, "web", with(pids(child), "Slice", std::string(slice)), ours("SliceNotAllowed"));
        refusedUnasked(bench, "web", with(pids(child), "CgroupsPath", std::string(slice) + ":cri:abc"),
                       std::string(slice).find('/') == std::string::npos ? ours("SliceNotAllowed") : fd("InvalidArgs"));
    }
    CHECK(
        bench.answer(bench.create("web", with(pids(child), "Slice", std::string("kubepods-besteffort.slice"))))->text ==
        "");
}

TEST_CASE("a unit name of one's choice is a scope's, and nobody else's form", "[attack-5][attack-6][attack-7]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    for (const std::string& unit :
         {std::string(""), std::string(".scope"), std::string("a.service"), std::string("init.scope"),
          std::string("session-1.scope"), std::string("scopewright-0-x.scope"), std::string("a/b.scope"),
          std::string("a\\x2d.scope"), std::string("-a.scope"), std::string("a b.scope"), std::string("a\n.scope"),
          std::string(250, 'a') + ".scope", std::string("a@b.scope"), std::string("../a.scope")}) {
        CAPTURE(unit);
        refusedUnasked(bench, "web", with(pids(child), "UnitName", unit), fd("InvalidArgs"));
    }
    for (const char* path :
         {"", "a", "a:b", "a:b:c:d", "machine.slice:a:", "machine.slice:a:b/c", "/a/b", "::", "a:::"}) {
        CAPTURE(path);
        refusedUnasked(bench, "web", with(pids(child), "CgroupsPath", std::string(path)), fd("InvalidArgs"));
    }
    const Properties both =
        with(with(pids(child), "CgroupsPath", std::string("machine.slice:a:b")), "Slice", std::string("machine.slice"));
    refusedUnasked(bench, "web", both, fd("InvalidArgs"));
}

TEST_CASE("only properties from the table are taken, each with its type and range", "[attack-9]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    const auto refuse = [&](const char* name, const Value& value, const std::string& error) {
        CAPTURE(name);
        refusedUnasked(bench, "web", with(pids(child), name, value), error);
    };
    for (const char* name : {"ExecStart", "Conflicts", "OnFailure", "MemoryMax", "Delegate", "", "pids", "a\nb",
                             "CollectMode", "Controller", "DevicePolicy"})
        refuse(name, std::string("x"), ours("PropertyNotAllowed"));
    refuse("Description", std::string("x\nOnFailure=poweroff.target"), fd("InvalidArgs"));
    refuse("Description", std::string("x\\"), fd("InvalidArgs"));
    refuse("Description", std::string("x%n"), fd("InvalidArgs"));
    refuse("Description", std::string("[scopewright v=1]"), fd("InvalidArgs"));
    refuse("Description", std::string(129, 'x'), fd("InvalidArgs"));
    refuse("Description", std::uint32_t(1), fd("InvalidArgs"));
    refuse("Token", std::string(""), fd("InvalidArgs"));
    refuse("Token", std::string("a b"), fd("InvalidArgs"));
    refuse("Token", std::string("a=b"), fd("InvalidArgs"));
    refuse("Token", std::string(65, 'x'), fd("InvalidArgs"));
    refuse("TimeoutStopUSec", std::uint64_t(0), fd("InvalidArgs"));
    refuse("TimeoutStopUSec", UINT64_MAX, fd("InvalidArgs"));
    refuse("TimeoutStopUSec", std::uint32_t(1), fd("InvalidArgs"));
    refuse("RuntimeMaxUSec", std::uint64_t(0), fd("InvalidArgs"));
    refuse("Strict", std::string("yes"), fd("InvalidArgs"));
    refuse("Slice", std::uint32_t(1), fd("InvalidArgs"));
    refuse("User", std::string(""), fd("InvalidArgs"));
    refuse("User", std::string("no-such-user-here"), fd("InvalidArgs"));
    refuse("User", std::string("4294967295"), fd("InvalidArgs"));
    refuse("User", std::string("-1"), fd("InvalidArgs"));
    refuse("Group", std::string("0x10"), fd("InvalidArgs"));
    refuse("memory.limit", std::string("1G"), fd("InvalidArgs"));
    refuse("memory.limit", std::int64_t(4095), fd("InvalidArgs"));
    refuse("memory.limit", std::int64_t(0), fd("InvalidArgs"));
    refuse("cpu.period", std::int64_t(1000001), fd("InvalidArgs"));
    refuse("cpu.quota", std::int64_t(1), fd("InvalidArgs"));
    refuse("memory.swap", std::int64_t(8192), fd("InvalidArgs"));
    const Properties none = with(Properties(), "PIDs", std::string("1"));
    refusedUnasked(bench, "web", none, fd("InvalidArgs"));
    refusedUnasked(bench, "web", with(Properties(), "PIDFDs", std::vector<std::uint32_t>{1}), fd("InvalidArgs"));
    const Properties twice = with(with(pids(child), "Strict", false), "Strict", false);
    refusedUnasked(bench, "web", twice, fd("InvalidArgs"));
    REFUSED(bench, bench.manager(Bench::kRoot, "CreateSandbox", "web", pids(child), std::uint64_t(1)),
            fd("InvalidArgs"));
}

TEST_CASE("too many properties, or too much in them, is LimitsExceeded", "[attack-50]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    Properties many = pids(child);
    for (int i = 0; i < 64; ++i)
        many = with(many, "x" + std::to_string(i), true);
    refusedUnasked(bench, "web", many, fd("LimitsExceeded"));
    refusedUnasked(bench, "web", with(pids(child), "Description", std::string(70000, 'x')), fd("LimitsExceeded"));
}

TEST_CASE("what D-Bus itself refuses has D-Bus's own names") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    const std::string object = bench.path("web");
    constexpr const char* kProperties = "org.freedesktop.DBus.Properties";
    const auto error = [&](const std::string& path, const char* interface, const char* member, const auto&... args) {
        return bench.answer(bench.call(Bench::kRoot, path, interface, member, args...))->error;
    };
    CHECK(error(Bench::kManagerPath, Bench::kManager, "NoSuchMethod") == fd("UnknownMethod"));
    CHECK(error(object, Bench::kSandbox, "NoSuchMethod") == fd("UnknownMethod"));
    CHECK(error(Bench::kManagerPath, "org.example.No", "CreateSandbox") == fd("UnknownMethod"));
    CHECK(error(Bench::kManagerPath, kProperties, "Get", Bench::kManager, "No") == fd("UnknownProperty"));
    CHECK(error(object, kProperties, "Get", Bench::kSandbox, "No") == fd("UnknownProperty"));
    CHECK(error(Bench::kManagerPath, kProperties, "Set", Bench::kManager, "Version", Value(std::string("1"))) ==
          fd("PropertyReadOnly"));
    CHECK(error(object, kProperties, "Set", Bench::kSandbox, "State", Value(std::string("x"))) ==
          fd("PropertyReadOnly"));
    CHECK(error(Bench::kManagerPath, Bench::kManager, "CreateSandbox") == fd("InvalidArgs"));
    CHECK(error(Bench::kManagerPath, Bench::kManager, "StopSandbox", std::uint32_t(1)) == fd("InvalidArgs"));
    CHECK(error("/org/scopewright1/nothing", Bench::kManager, "ListSandboxes") == fd("UnknownObject"));
    CHECK(error("/org/scopewright1/sandbox/nothing", Bench::kSandbox, "Stop") == ours("NoSuchSandbox"));
    CHECK(error("/org/scopewright1/sandbox/_2e_2e", Bench::kSandbox, "Stop") != "");
    CHECK(error(object + "/group/nothing", Bench::kGroup, "Remove") == ours("NoSuchGroup"));
    CHECK(error("/org/scopewright1/sandbox/nothing/group/c", Bench::kGroup, "Remove") == ours("NoSuchSandbox"));
    CHECK(bench.list().size() == 1);
}

TEST_CASE("introspection shows every object there is") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    REQUIRE(bench.answer(bench.createCompat("web", "c"))->text == "");
    const auto introspect = [&](const std::string& path) {
        Pending reply =
            bench.answer(bench.call(Bench::kRoot, path, "org.freedesktop.DBus.Introspectable", "Introspect"));
        REQUIRE(reply->text == "");
        return std::get<0>(reply->values<std::string>());
    };
    CHECK(introspect("/org/scopewright1").find("<node name=\"sandbox\"") != std::string::npos);
    CHECK(introspect("/org/scopewright1/sandbox").find("<node name=\"web\"") != std::string::npos);
    CHECK(introspect("/org/scopewright1/sandbox/web").find("org.scopewright1.Sandbox") != std::string::npos);
    CHECK(introspect("/org/scopewright1/sandbox/web/group/c").find("org.scopewright1.Group") != std::string::npos);
    CHECK(introspect("/org/scopewright1").find("name=\"control_group\"") != std::string::npos);
}

TEST_CASE("the object manager lists what there is") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    Pending reply = bench.answer(
        bench.call(Bench::kRoot, Bench::kManagerPath, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects"));
    REQUIRE(reply->text == "");
    sd_bus_message* m = reply->answer.raw();
    std::vector<std::string> paths;
    bus::check(sd_bus_message_enter_container(m, 'a', "{oa{sa{sv}}}"), "enter");
    while (bus::check(sd_bus_message_enter_container(m, 'e', "oa{sa{sv}}"), "enter") > 0) {
        const char* path = "";
        bus::check(sd_bus_message_read_basic(m, 'o', &path), "read");
        paths.emplace_back(path);
        bus::check(sd_bus_message_skip(m, "a{sa{sv}}"), "skip");
        bus::check(sd_bus_message_exit_container(m), "leave");
    }
    CHECK(std::find(paths.begin(), paths.end(), "/org/scopewright1/sandbox/web") != paths.end());
    CHECK(std::find(paths.begin(), paths.end(), "/org/scopewright1/sandbox/web/group/payload") != paths.end());
}
