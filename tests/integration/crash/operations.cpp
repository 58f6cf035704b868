// SPDX-License-Identifier: LGPL-2.1-or-later
#include "crash/operations.h"

#include <csignal>
#include <filesystem>

namespace scopewright::integration {

namespace {

using Pages = std::vector<std::pair<std::string, std::uint64_t>>;

constexpr const char* kWeb = "web";
constexpr const char* kWebUnit = "scopewright-0-web.scope";
constexpr const char* kNoSandbox = "org.scopewright1.Error.NoSuchSandbox";
constexpr const char* kNoGroup = "org.scopewright1.Error.NoSuchGroup";
constexpr const char* kGroupExists = "org.scopewright1.Error.GroupExists";

/// Some go to PID 1 as properties, some into files of ours; which of the files are there depends on the machine.
/// Devices are a program of ours besides.
const Properties kFew{
    {"memory.limit", std::int64_t{268435456}},
    {"pids.limit", std::int64_t{64}},
    {"cpu.shares", std::int64_t{512}},
    {"hugepageLimits", Pages{{"2MB", 4194304}}},
    {"resources", std::string(R"({"devices": [{"allow": false, "access": "rwm"},)"
                              R"({"allow": true, "type": "c", "major": 1, "minor": 3, "access": "rw"}]})")},
};
const Properties kMore{
    {"memory.limit", std::int64_t{536870912}},
    {"pids.limit", std::int64_t{128}},
    {"cpu.shares", std::int64_t{2048}},
    {"cpu.quota", std::int64_t{50000}},
    {"hugepageLimits", Pages{{"2MB", 8388608}, {"1GB", 2147483648}}},
    {"resources", std::string(R"({"devices": [{"allow": false, "access": "rwm"},)"
                              R"({"allow": true, "type": "c", "major": 1, "minor": 5, "access": "r"}]})")},
};

template <class... Args>
std::function<bus::Message(World&)> call(const char* member, const Args&... args) {
    return [=](World& world) { return world.client.request(kManagerPath, kManager, member, args...); };
}

Operation create(const std::string& name, const std::vector<std::string>& processes, const Properties& more) {
    Operation operation;
    operation.name = name;
    operation.prepare = [=](World& world) {
        for (const std::string& process : processes)
            world.child(process);
    };
    operation.request = [=](World& world) {
        Properties properties = more;
        properties.push_back({"Token", std::string("token")});
        properties.push_back({"PIDs", world.pids(processes)});
        return world.client.request(kManagerPath, kManager, "CreateSandbox", std::string(kWeb), properties,
                                    std::uint64_t{0});
    };
    return operation;
}

/// An operation on a sandbox that is there, with two processes, resources, and a group of each kind.
Operation change(const std::string& name, std::function<bus::Message(World&)> request,
                 const std::set<std::string>& whenDone = {}) {
    Operation operation;
    operation.name = name;
    operation.prepare = [](World& world) {
        world.sandbox(kWeb, {"first", "second"}, kFew);
        world.must("CreateCompatGroup", kWeb, "c1", kFew, std::uint64_t{0});
        world.must("CreateGroup", kWeb, "p1", kFew, std::uint64_t{0});
    };
    operation.request = std::move(request);
    operation.whenDone = whenDone;
    return operation;
}

Operation endByKill(const std::string& name, int signal) {
    Operation operation = change(name, call("KillSandbox", kWeb, std::int32_t{signal}), {kNoSandbox});
    operation.over = [](const World& world) { return !world.hasUnit(kWebUnit); };
    return operation;
}

/// Of a group in which its process has made groups of its own.
Operation removeTree() {
    Operation operation = change("RemoveGroup with groups in it", call("RemoveGroup", kWeb, "p1"), {kNoGroup});
    operation.prepare = [prepare = operation.prepare](World& world) {
        prepare(world);
        const std::string payload = world.directory("first");
        for (const char* below : {"/a/b", "/a/c", "/d"})
            std::filesystem::create_directories(payload.substr(0, payload.rfind('/')) + "/p1" + below);
    };
    return operation;
}

/// The same after another call.
Operation afterwards(Operation operation, const char* member) {
    operation.prepare = [prepare = operation.prepare, member](World& world) {
        prepare(world);
        world.must(member, kWeb);
    };
    return operation;
}

Operation attach(const std::string& group) {
    const std::vector<std::string> processes{"third", "fourth"};
    Operation operation = change("AttachProcesses to " + group, [=](World& world) {
        return world.client.request(kManagerPath, kManager, "AttachProcesses", std::string(kWeb), group,
                                    world.pids(processes));
    });
    operation.prepare = [prepare = operation.prepare, processes](World& world) {
        prepare(world);
        for (const std::string& process : processes)
            world.child(process);
    };
    for (const std::string& process : processes)
        operation.oneByOne.insert("process " + process);
    return operation;
}

Operation adopt(const std::string& name, const Properties& more) {
    Properties properties = more;
    properties.push_back({"Token", std::string("token")});
    Operation operation;
    operation.name = name;
    operation.prepare = [](World& world) { world.scope("adopted.scope", "only"); };
    operation.request = call("AdoptSandbox", kWeb, "adopted.scope", properties, std::uint64_t{0});
    return operation;
}

} // namespace

std::vector<Operation> operations() {
    const std::uint64_t noFlags = 0;
    const Properties toNobody{{"User", std::string("65534")}, {"Group", std::string("65534")}};
    return {
        create("CreateSandbox", {"only"}, {}),
        create("CreateSandbox of two processes", {"first", "second"}, {}),
        create("CreateSandbox with resources", {"only"}, kFew),
        create("CreateSandbox for another user", {"only"}, toNobody),
        change("CreateCompatGroup", call("CreateCompatGroup", kWeb, "c2", kFew, noFlags), {kGroupExists}),
        change("CreateGroup", call("CreateGroup", kWeb, "p2", kFew, noFlags), {kGroupExists}),
        change("RemoveGroup", call("RemoveGroup", kWeb, "c1"), {kNoGroup}),
        removeTree(),
        change("UpdateSandbox", call("UpdateSandbox", kWeb, kMore)),
        change("UpdateGroup of a compat group", call("UpdateGroup", kWeb, "c1", kMore)),
        change("UpdateGroup of a process group", call("UpdateGroup", kWeb, "p1", kMore)),
        endByKill("KillSandbox, SIGKILL", SIGKILL),
        endByKill("KillSandbox, SIGTERM", SIGTERM),
        change("StopSandbox", call("StopSandbox", kWeb), {kNoSandbox}),
        attach("payload"),
        attach("p1"),
        change("FreezeSandbox", call("FreezeSandbox", kWeb)),
        afterwards(change("ThawSandbox", call("ThawSandbox", kWeb)), "FreezeSandbox"),
        afterwards(change("StopSandbox of a frozen one", call("StopSandbox", kWeb), {kNoSandbox}), "FreezeSandbox"),
        adopt("AdoptSandbox", {}),
        adopt("AdoptSandbox with resources", kFew),
    };
}

} // namespace scopewright::integration
