// SPDX-License-Identifier: LGPL-2.1-or-later
// What every test of the whole service starts from: a world with the daemon in it, and a check at the end that nobody
// has done to PID 1 what must not be done to it.
#pragma once

#include "catch.h"
#include "clock.h"
#include "daemon_world.h"

#include <csignal>
#include <string>
#include <vector>

namespace scopewright::unit {

using fake::Child;
using fake::pids;
using fake::with;
using Pending = fake::Pending;
using Lines = std::vector<std::string>;

/// For a PID 1 that keeps us waiting.
inline config::Config patience(std::chrono::milliseconds time) {
    config::Config config = fake::DaemonWorld::quick();
    config.jobTimeout = time;
    return config;
}

class Bench : public fake::DaemonWorld {
public:
    using DaemonWorld::DaemonWorld;
    ~Bench() { CHECK(systemd.misuses() == Lines{}); }

    /// From now on deadlines cost no time. Only where nothing but them is waited for: what processes and the kernel do
    /// has a millisecond.
    void skipSilence() { onSilence = fake::skipToTimer; }

    /// A sandbox that runs, with a process of its own.
    Child& sandbox(const std::string& id) {
        Child& process = child();
        Pending reply = answer(create(id, pids(process)));
        INFO(reply->text);
        REQUIRE(reply->error.empty());
        return process;
    }

    void makeProcessGroup(const std::string& id, const std::string& name) {
        REQUIRE(answer(manager(kRoot, "CreateGroup", id, name, Properties(), std::uint64_t(0)))->text == "");
    }

    /// By StopSandbox, or by KillSandbox with SIGKILL.
    Pending end(const std::string& method, const std::string& id) {
        return method == "StopSandbox" ? manager(kRoot, method, id) : manager(kRoot, method, id, std::int32_t(SIGKILL));
    }

    std::string path(const std::string& id) { return std::get<0>(answered(manager(kRoot, "GetSandbox", id))).path; }

    std::tuple<bus::ObjectPath> answered(Pending reply) {
        answer(reply);
        INFO(reply->text);
        REQUIRE(reply->error.empty());
        return reply->values<bus::ObjectPath>();
    }

    /// The request is refused with this error, and nothing is any different afterwards. See REFUSED.
    template <class Ask>
    void refused(Ask ask, const std::string& error) {
        settle();
        const Snapshot before = snapshot();
        const std::size_t news = emitted("SandboxNew") + emitted("SandboxRemoved");
        Pending request = answer(ask());
        CHECK(request->error == error);
        INFO(request->text);
        CHECK(request->text.size() > 10);
        CHECK(request->text.size() <= 260);
        CHECK(request->text.find('\n') == std::string::npos);
        settle();
        const Snapshot after = snapshot();
        CHECK(after.units == before.units);
        CHECK(after.groups == before.groups);
        CHECK(after.sandboxes == before.sandboxes);
        CHECK(after.places == before.places);
        CHECK(emitted("SandboxNew") + emitted("SandboxRemoved") == news);
    }

    /// Nothing of the sandbox is left, its process is where it came from and lives.
    void checkNothingLeft(const Child& process, const std::string& home, const std::string& id) {
        CHECK(process.alive());
        CHECK(process.controlGroup() == home);
        CHECK(systemd.names().empty());
        CHECK_FALSE(tree().exists(scopeOf(id)));
        CHECK(list().empty());
        CHECK(emitted("SandboxNew") == 0);
        CHECK(emitted("SandboxRemoved") == 0);
    }

    std::string state(const std::string& id) { return property(path(id), kSandbox, "State"); }
};

inline std::string fd(const char* name) {
    return std::string("org.freedesktop.DBus.Error.") + name;
}
inline std::string ours(const char* name) {
    return std::string("org.scopewright1.Error.") + name;
}

} // namespace scopewright::unit

#define NEEDS_CGROUPS()                                                                                                \
    if (const std::string why = ::scopewright::fake::CgroupTree::whyNot(); !why.empty()) SKIP_TEST(why)

#define REFUSED(bench, request, error) (bench).refused([&] { return request; }, error)
