// SPDX-License-Identifier: LGPL-2.1-or-later
// What the kernel may refuse, row by row of docs/faults.md.
#include "cgroup/group.h"
#include "faults.h"
#include "sandbox/bench.h"

#include <fcntl.h>

#include <cerrno>
#include <csignal>

using namespace scopewright;
using namespace scopewright::unit;
using namespace std::chrono_literals;
using fake::Fault;

namespace {

struct Call {
    const char* function;
    const char* name;
};

Pending removeGroup(Bench& bench, const std::string& id, const std::string& name) {
    return bench.manager(Bench::kRoot, "RemoveGroup", id, name);
}

/// Nobody but the answer can tell that it was tried.
void checkNothingLeft(Bench& bench, const Child& child, const std::string& home, const std::string& id) {
    REQUIRE(bench.until([&] { return bench.service().idle(); }));
    CHECK(child.alive());
    CHECK(child.controlGroup() == home);
    CHECK(bench.systemd.names().empty());
    CHECK_FALSE(bench.tree().exists(bench.scopeOf(id)));
    CHECK(bench.list().empty());
    CHECK(bench.emitted("SandboxNew") == 0);
}

} // namespace

TEST_CASE("a payload that the kernel has no room for is LimitsExceeded, and its process goes home",
          "[fault-28][fault-3]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    const std::string home = child.controlGroup();
    {
        const Fault fault("mkdirat", "/payload", EAGAIN);
        CHECK(bench.answer(bench.create("web", pids(child)))->error == fd("LimitsExceeded"));
        CHECK(fault.failed() == 1);
    }
    checkNothingLeft(bench, child, home, "web");
    CHECK(bench.answer(bench.create("web", pids(child)))->text == "");
}

TEST_CASE("a group above the cap on descendants is LimitsExceeded and leaves nothing", "[fault-28]") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    const std::optional<cgroup::Group> scope =
        cgroup::Group::openRoot(bench.tree().mountPoint()).open(bench.scopeOf("web"));
    REQUIRE(scope);
    scope->write("cgroup.max.descendants", "1");
    REFUSED(bench, bench.createCompat("web", "c1"), fd("LimitsExceeded"));
    scope->write("cgroup.max.descendants", "max");
    CHECK(bench.answer(bench.createCompat("web", "c1"))->text == "");
}

TEST_CASE("each single refusal of the kernel makes a creation whole or leaves nothing", "[fault-49][fault-50]") {
    NEEDS_CGROUPS();
    const std::vector<Call> calls{
        {"pidfd_open", ""},
        {"openat2", "/scopewright-0-web.scope"},
        {"openat2", "/payload"},
        {"openat2", ".service"},
        {"mkdirat", "/payload"},
        {"openat", "/payload/cgroup.max.depth"},
        {"write", "/payload/cgroup.max.depth"},
        {"openat", "/payload/cgroup.max.descendants"},
        {"write", "/payload/cgroup.max.descendants"},
        {"openat", "/payload/cgroup.procs"},
        {"write", "/payload/cgroup.procs"},
        {"openat", "/scopewright-0-web.scope/cgroup.procs"},
        {"read", "/scopewright-0-web.scope/cgroup.procs"},
        {"openat", "/scopewright-0-web.scope/cgroup.controllers"},
        {"read", "/scopewright-0-web.scope/cgroup.controllers"},
        {"fsetxattr", "/payload/cgroup.max.depth"},
    };
    int struck = 0;
    for (const Call& call : calls)
        for (const int error : {EMFILE, ENFILE, ENOMEM, EIO, EAGAIN, ENOSPC, EINTR, Fault::kShort})
            for (int from = 1;; ++from) {
                CAPTURE(call.function, call.name, error, from);
                Bench bench;
                Child& child = bench.child();
                const std::string home = child.controlGroup();
                bool over = false;
                {
                    const Fault fault(call.function, call.name, error, 1, from);
                    Pending request = bench.answer(bench.create("web", pids(child)));
                    over = fault.failed() == 0;
                    struck += fault.failed();
                    if (request->error.empty()) {
                        CHECK(child.controlGroup() == bench.scopeOf("web") + "/payload");
                        CHECK(bench.groups("web") == Lines{"payload payload"});
                    } else {
                        checkNothingLeft(bench, child, home, "web");
                    }
                }
                if (over) break;
                if (bench.list().empty()) REQUIRE(bench.answer(bench.create("web", pids(child)))->text == "");
                CHECK(bench.tree().read(bench.scopeOf("web") + "/payload", "cgroup.max.depth") == "8\n");
                bench.restart();
                CHECK(bench.groups("web") == Lines{"payload payload"});
            }
    CHECK(struck > 100);
}

TEST_CASE("each single refusal of the kernel makes a compat group whole or leaves none", "[fault-49][fault-50]") {
    NEEDS_CGROUPS();
    const std::vector<Call> calls{
        {"openat2", "/scopewright-0-web.scope"},
        {"openat2", "/c1"},
        {"mkdirat", "/c1"},
        {"openat", "/c1/cgroup.max.depth"},
        {"openat", "/c1/cgroup.subtree_control"},
        {"write", "/c1/cgroup.subtree_control"},
        {"fsetxattr", "/c1/cgroup.max.depth"},
    };
    Bench bench;
    bench.sandbox("web");
    int struck = 0;
    for (const Call& call : calls)
        for (const int error : {EMFILE, ENOMEM, EIO, EAGAIN, ENOSPC, EINTR})
            for (int from = 1;; ++from) {
                CAPTURE(call.function, call.name, error, from);
                int failed = 0;
                {
                    const Fault fault(call.function, call.name, error, 1, from);
                    Pending request = bench.answer(bench.createCompat("web", "c1"));
                    failed = fault.failed();
                    CHECK(bench.groups("web").size() == (request->error.empty() ? 2 : 1));
                }
                struck += failed;
                if (bench.groups("web").size() == 1) REQUIRE(bench.answer(bench.createCompat("web", "c1"))->text == "");
                CHECK(bench.groups("web") == Lines{"c1 compat", "payload payload"});
                REQUIRE(bench.answer(removeGroup(bench, "web", "c1"))->text == "");
                CHECK_FALSE(bench.tree().exists(bench.scopeOf("web") + "/c1"));
                if (failed == 0) break;
            }
    CHECK(struck > 30);
}

TEST_CASE("a group that is busy for a moment is removed all the same, one that stays so is told and kept",
          "[fault-41]") {
    NEEDS_CGROUPS();
    Bench bench;
    bench.sandbox("web");
    REQUIRE(bench.answer(bench.createCompat("web", "c1"))->text == "");
    {
        const Fault fault("unlinkat", "/c1", EBUSY);
        CHECK(bench.answer(removeGroup(bench, "web", "c1"))->error == ours("Busy"));
        // It gives up, it does not spin.
        CHECK(fault.failed() >= 1);
        // Three attempts, each of which tries before it looks for what is in the way, and after.
        CHECK(fault.failed() <= 6);
        CHECK(bench.groups("web") == Lines{"c1 compat", "payload payload"});
    }
    {
        const Fault fault("unlinkat", "/c1", EBUSY, 1);
        CHECK(bench.answer(removeGroup(bench, "web", "c1"))->text == "");
        CHECK(fault.failed() == 1);
    }
    CHECK(bench.groups("web") == Lines{"payload payload"});
    CHECK_FALSE(bench.tree().exists(bench.scopeOf("web") + "/c1"));
}

TEST_CASE("on a kernel without cgroup.kill PID 1 does the killing, with the same end", "[fault-42]") {
    NEEDS_CGROUPS();
    for (const char* method : {"StopSandbox", "KillSandbox"}) {
        CAPTURE(method);
        Bench bench;
        Child& child = bench.sandbox("web");
        Child& inner = bench.child();
        bench.tree().make(bench.scopeOf("web") + "/payload/inner");
        REQUIRE(bench.tree().move(bench.scopeOf("web") + "/payload/inner", inner.pid()));
        const Fault fault("openat", "/cgroup.kill", ENOENT);
        CHECK(bench.answer(bench.end(method, "web"))->text == "");
        CHECK(fault.failed() >= 1);
        REQUIRE(bench.until([&] { return bench.emitted("SandboxRemoved") == 1; }));
        CHECK_FALSE(child.alive());
        CHECK_FALSE(inner.alive());
        CHECK_FALSE(bench.tree().exists(bench.scopeOf("web")));
    }
}

TEST_CASE("a daemon without descriptors refuses what needs them, lives, and does it all when it has some again",
          "[fault-49]") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& old = bench.sandbox("old");
    Child& child = bench.child();
    const std::string home = child.controlGroup();
    {
        const Fault pidfds("pidfd_open", "", EMFILE);
        const Fault directories("openat2", "", EMFILE);
        CHECK(bench.answer(bench.create("web", pids(child)))->error == fd("LimitsExceeded"));
        CHECK(bench.answer(bench.createCompat("old", "c1"))->error == fd("LimitsExceeded"));
        CHECK(bench.answer(bench.manager(Bench::kRoot, "StopSandbox", "old"))->error == fd("LimitsExceeded"));
        CHECK(bench.list().size() == 1);
        bench.systemd.reload();
        bench.settle();
        CHECK(bench.list().size() == 1);
    }
    CHECK(old.alive());
    CHECK(child.controlGroup() == home);
    CHECK(bench.answer(bench.create("web", pids(child)))->text == "");
    CHECK(bench.answer(bench.createCompat("old", "c1"))->text == "");
    CHECK(bench.answer(bench.manager(Bench::kRoot, "StopSandbox", "old"))->text == "");
    CHECK_FALSE(old.alive());
}

TEST_CASE("an attribute is written in one piece or not at all, and an interrupted call is made again", "[fault-50]") {
    NEEDS_CGROUPS();
    fake::CgroupTree tree;
    const cgroup::Group group = *cgroup::Group::openRoot(tree.mountPoint()).open(tree.prefix());
    {
        const Fault fault("write", "/cgroup.max.depth", EINTR, 3);
        CHECK(group.tryWrite("cgroup.max.depth", "12") == 0);
        CHECK(fault.calls() == 4);
        CHECK(tree.read(tree.prefix(), "cgroup.max.depth") == "12\n");
    }
    for (const int error : {EAGAIN, EIO, ENOSPC, EBUSY}) {
        const Fault fault("write", "/cgroup.max.depth", error, 1);
        CHECK(group.tryWrite("cgroup.max.depth", "34") == error);
        CHECK(fault.calls() == 1);
        CHECK(tree.read(tree.prefix(), "cgroup.max.depth") == "12\n");
    }
    {
        const Fault fault("write", "/cgroup.max.depth", Fault::kShort, 1);
        CHECK(group.tryWrite("cgroup.max.depth", "56") == EIO);
        CHECK(tree.read(tree.prefix(), "cgroup.max.depth") == "12\n");
        // What is left of the value is not sent after it: that would be a value of its own.
        CHECK(fault.calls() == 1);
    }
    const std::string whole = tree.read(tree.prefix(), "cgroup.stat");
    for (const int error : {EINTR, Fault::kShort}) {
        const Fault fault("read", "/cgroup.stat", error, 5);
        CHECK(group.read("cgroup.stat") == whole);
        CHECK(fault.failed() == 5);
    }
    const Fault fault("read", "/cgroup.stat", EIO, 1);
    CHECK_CODE(group.read("cgroup.stat"), Io);
}

TEST_CASE("every attribute is opened so that a kernel which can refuse to wait does", "[fault-51][attack-62]") {
    NEEDS_CGROUPS();
    Bench bench;
    Fault writes("write", "", Fault::kNothing);
    int blocking = 0;
    int ours = 0;
    writes.before = [&](int descriptor) {
        const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
        char target[4096];
        const ssize_t size = ::readlink(link.c_str(), target, sizeof target);
        const std::string path(target, size > 0 ? static_cast<std::size_t>(size) : 0);
        if (path.find("/payload/cgroup.") == std::string::npos && path.find("/c1/cgroup.") == std::string::npos) return;
        ++ours;
        if ((::fcntl(descriptor, F_GETFL) & O_NONBLOCK) == 0) ++blocking;
    };
    bench.sandbox("web");
    REQUIRE(bench.answer(bench.createCompat("web", "c1"))->text == "");
    CHECK(ours >= 3);
    CHECK(blocking == 0);
}
