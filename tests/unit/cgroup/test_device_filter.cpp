// SPDX-License-Identifier: LGPL-2.1-or-later
// Device filters in the kernel: a process in a real control group asks for real devices.
#include "cgroup/device_filter.h"

#include "catch.h"
#include "cgroup_tree.h"
#include "device_rules.h"
#include "device_worker.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <functional>

using namespace scopewright;
using cgroup::applyDeviceFilter;
using cgroup::Group;
using cgroup::hasDeviceFilter;
using cgroup::removeDeviceFilter;
using fake::CgroupTree;
using unit::kM;
using unit::kR;
using unit::kW;
using Nodes = unit::DeviceNodes;
using Rules = unit::DeviceRules;
using Worker = unit::DeviceWorker;

namespace {

bpf_attr blank() {
    bpf_attr attr;
    std::memset(&attr, 0, sizeof attr);
    return attr;
}

long bpf(int command, bpf_attr& attr) {
    return ::syscall(SYS_bpf, command, &attr, sizeof attr);
}

/// The id of the group's only program; 0 if there are none or several.
std::uint32_t programOf(const Group& group) {
    std::uint32_t ids[8] = {};
    bpf_attr attr = blank();
    attr.query.target_fd = static_cast<__u32>(group.fd());
    attr.query.attach_type = BPF_CGROUP_DEVICE;
    attr.query.prog_ids = reinterpret_cast<std::uintptr_t>(ids);
    attr.query.prog_cnt = 8;
    return bpf(BPF_PROG_QUERY, attr) == 0 && attr.query.prog_cnt == 1 ? ids[0] : 0;
}

/// Whether the kernel still has the program; nothing for who may not list them.
std::optional<bool> exists(std::uint32_t program) {
    bpf_attr attr = blank();
    attr.start_id = program - 1;
    if (bpf(BPF_PROG_GET_NEXT_ID, attr) == 0) return attr.next_id == program;
    return errno == ENOENT ? std::optional(false) : std::nullopt;
}

/// Somebody else's program, which always says the same.
bool attachForeign(const Group& group, int verdict, std::uint32_t flags = BPF_F_ALLOW_MULTI) {
    bpf_insn code[2]{};
    code[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
    code[0].imm = verdict;
    code[1].code = BPF_JMP | BPF_EXIT;
    bpf_attr attr = blank();
    attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    attr.insns = reinterpret_cast<std::uintptr_t>(code);
    attr.insn_cnt = 2;
    attr.license = reinterpret_cast<std::uintptr_t>("none");
    const UniqueFd program(static_cast<int>(bpf(BPF_PROG_LOAD, attr)));
    attr = blank();
    attr.target_fd = static_cast<__u32>(group.fd());
    attr.attach_bpf_fd = static_cast<__u32>(program.value());
    attr.attach_type = BPF_CGROUP_DEVICE;
    attr.attach_flags = flags;
    return program && bpf(BPF_PROG_ATTACH, attr) == 0;
}

/// A test's own piece of the hierarchy.
struct Place {
    Place() : group(*Group::openRoot(tree.mountPoint()).open(tree.prefix())) {}

    Group below(const std::string& name) const {
        group.makeChild(name);
        return *group.child(name);
    }

    CgroupTree tree;
    Group group;
};

enum class Privileges { All, None };

/// Runs `act` in another process; whether it answered true.
bool elsewhere(Privileges privileges, const std::function<bool()>& act) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
        const __user_cap_data_struct none[2]{};
        if (privileges == Privileges::None && ::syscall(SYS_capset, &header, none) < 0) ::_exit(1);
        ::_exit(act() ? 0 : 1);
    }
    int status = -1;
    ::waitpid(pid, &status, 0);
    return status == 0;
}

const Rules kNullOnly{{true, 'c', 1, 3, kR | kW}};
const Rules kZeroOnly{{true, 'c', 1, 5, kR}};

std::string whyNoFilter() {
    const std::string why = CgroupTree::whyNot();
    return why.empty() ? cgroup::deviceFilterObstacle() : why;
}

} // namespace

#define NEEDS_FILTERS()                                                                                                \
    if (const std::string why = whyNoFilter(); !why.empty()) SKIP_TEST(why)

#define NEEDS_NODES(nodes)                                                                                             \
    if (!(nodes).whyNot.empty()) SKIP_TEST("no device node can be made here: " + (nodes).whyNot)

TEST_CASE("a process gets the devices its group is allowed, and no others") {
    NEEDS_FILTERS();
    Place here;
    const Group group = here.below("group");
    const Worker inside(group);
    const Worker outside(here.below("other"));
    CHECK_FALSE(hasDeviceFilter(group));
    CHECK(inside.open("/dev/zero", O_RDONLY) == 0);
    applyDeviceFilter(group, kNullOnly);
    CHECK(hasDeviceFilter(group));
    CHECK_FALSE(hasDeviceFilter(here.group));
    CHECK(inside.open("/dev/null", O_RDWR) == 0);
    CHECK(inside.open("/dev/zero", O_RDONLY) == EPERM);
    CHECK(inside.open("/dev/full", O_WRONLY) == EPERM);
    CHECK(outside.open("/dev/zero", O_RDONLY) == 0);
}

TEST_CASE("a device node can be made where 'm' is allowed, whether or not it can be opened") {
    NEEDS_FILTERS();
    const Nodes nodes;
    NEEDS_NODES(nodes);
    Place here;
    const Group group = here.below("group");
    const Worker worker(group);
    const std::string path = nodes.path + "/new";
    applyDeviceFilter(group, {{true, 'c', 1, 5, kM}, {true, 'b', 7, {}, kM | kR}});
    CHECK(worker.mknod(path, S_IFCHR, makedev(1, 3)) == EPERM);
    CHECK(worker.mknod(path, S_IFBLK, makedev(1, 5)) == EPERM);
    CHECK(worker.mknod(path, S_IFCHR, makedev(1, 5)) == 0);
    CHECK(worker.open(path.c_str(), O_RDONLY) == EPERM);
    CHECK(worker.mknod(path + "-disk", S_IFBLK, makedev(7, 1234)) == 0);
    CHECK(worker.access(path + "-disk", R_OK) == 0);
    CHECK(worker.access(path + "-disk", R_OK | W_OK) == EPERM);
    CHECK(worker.mknod(path + "-pipe", S_IFIFO, 0) == 0);
}

TEST_CASE("new rules hold at once for a process that runs, wider ones as well as narrower ones") {
    NEEDS_FILTERS();
    Place here;
    const Group group = here.below("group");
    const Worker worker(group);
    applyDeviceFilter(group, kNullOnly);
    CHECK(worker.open("/dev/zero", O_RDONLY) == EPERM);
    applyDeviceFilter(group, kZeroOnly);
    CHECK(programOf(group) != 0);
    CHECK(worker.open("/dev/zero", O_RDONLY) == 0);
    CHECK(worker.open("/dev/zero", O_RDWR) == EPERM);
    CHECK(worker.open("/dev/null", O_RDONLY) == EPERM);
    applyDeviceFilter(group, {{.allow = true}});
    CHECK(worker.open("/dev/null", O_RDWR) == 0);
    applyDeviceFilter(group, {});
    CHECK(worker.open("/dev/null", O_RDONLY) == EPERM);
    CHECK(removeDeviceFilter(group));
    CHECK_FALSE(removeDeviceFilter(group));
    CHECK_FALSE(hasDeviceFilter(group));
    CHECK(worker.open("/dev/null", O_RDWR) == 0);
}

TEST_CASE("while rules are replaced there is no moment without any") {
    NEEDS_FILTERS();
    Place here;
    const Group group = here.below("group");
    const Worker worker(group);
    applyDeviceFilter(group, kNullOnly);
    const pid_t replacer = ::fork();
    if (replacer == 0) {
        for (;;)
            for (const Rules* rules : {&kZeroOnly, &kNullOnly})
                applyDeviceFilter(group, *rules);
    }
    unsigned full = 0;
    unsigned null = 0;
    for (unsigned turn = 0; turn < 5000 || (null == 0 && turn < 500000); ++turn) {
        full += worker.open("/dev/full", O_RDONLY) == 0;
        null += worker.open("/dev/null", O_RDONLY) == 0;
    }
    ::kill(replacer, SIGKILL);
    ::waitpid(replacer, nullptr, 0);
    CHECK(full == 0);
    CHECK(null > 0);
}

TEST_CASE("a daemon that was started again replaces and removes the filter of the one before") {
    NEEDS_FILTERS();
    Place here;
    const Group group = here.below("group");
    const Worker worker(group);
    const auto earlier = [&] { return applyDeviceFilter(group, kNullOnly), true; };
    REQUIRE(elsewhere(Privileges::All, earlier));
    CHECK(hasDeviceFilter(group));
    CHECK(worker.open("/dev/zero", O_RDONLY) == EPERM);
    applyDeviceFilter(group, kZeroOnly);
    CHECK(worker.open("/dev/zero", O_RDONLY) == 0);
    REQUIRE(elsewhere(Privileges::All, earlier));
    CHECK(removeDeviceFilter(group));
    CHECK(worker.open("/dev/zero", O_RDONLY) == 0);
}

TEST_CASE("a filter holds for the groups below, where nobody can attach a program") {
    NEEDS_FILTERS();
    Place here;
    const Group group = here.below("group");
    group.makeChild("early");
    applyDeviceFilter(group, kNullOnly);
    group.makeChild("late");
    for (const char* name : {"early", "late"}) {
        const Group below = *group.child(name);
        const Worker worker(below);
        CHECK(worker.open("/dev/zero", O_RDONLY) == EPERM);
        CHECK(worker.open("/dev/null", O_RDONLY) == 0);
        CHECK_FALSE(attachForeign(below, 1));
        CHECK_CODE(applyDeviceFilter(below, kZeroOnly), Busy);
        CHECK_FALSE(hasDeviceFilter(below));
    }
}

TEST_CASE("the program of a group above, such as PID 1's on the scope, holds as well") {
    NEEDS_FILTERS();
    Place here;
    const Group group = here.below("group");
    const Worker worker(group);
    applyDeviceFilter(group, kNullOnly);
    REQUIRE(attachForeign(here.group, 0));
    CHECK(worker.open("/dev/null", O_RDONLY) == EPERM);
    CHECK_NOTHROW(applyDeviceFilter(group, kZeroOnly));
    CHECK(worker.open("/dev/zero", O_RDONLY) == EPERM);
    CHECK_FALSE(hasDeviceFilter(here.group));
}

TEST_CASE("somebody else's program on the group is left alone, and is an error") {
    NEEDS_FILTERS();
    Place here;
    const Group group = here.below("group");
    REQUIRE(attachForeign(group, 1));
    const std::uint32_t theirs = programOf(group);
    CHECK_CODE(applyDeviceFilter(group, kNullOnly), Busy);
    CHECK_FALSE(hasDeviceFilter(group));
    CHECK_FALSE(removeDeviceFilter(group));
    CHECK(programOf(group) == theirs);
}

TEST_CASE("a group below with a program of its own would not be covered, and is an error") {
    NEEDS_FILTERS();
    Place here;
    const Group group = here.below("group");
    group.makeChild("a");
    group.child("a")->makeChild("b");
    REQUIRE(attachForeign(*group.open("/a/b"), 1));
    const Worker worker(*group.open("/a/b"));
    CHECK_CODE(applyDeviceFilter(group, kNullOnly), Busy);
    CHECK_FALSE(hasDeviceFilter(group));
    CHECK(programOf(group) == 0);
}

TEST_CASE("a filter is gone with its group") {
    NEEDS_FILTERS();
    Place here;
    const Group group = here.below("group");
    applyDeviceFilter(group, kNullOnly);
    const std::uint32_t program = programOf(group);
    REQUIRE(program != 0);
    here.group.removeChild("group");
    CHECK_FALSE(hasDeviceFilter(group));
    CHECK_FALSE(removeDeviceFilter(group));
    CHECK_CODE(applyDeviceFilter(group, kNullOnly), Io);
    CHECK_FALSE(hasDeviceFilter(here.below("group")));
    // The kernel releases it a little later.
    for (int turn = 0; turn < 5000 && exists(program).value_or(false); ++turn)
        ::poll(nullptr, 0, 1);
    CHECK_FALSE(exists(program).value_or(false));
}

TEST_CASE("without privileges there is an error that names them, and the old rules stay") {
    NEEDS_FILTERS();
    Place here;
    const Group group = here.below("group");
    const Worker worker(group);
    applyDeviceFilter(group, kNullOnly);
    CHECK(elsewhere(Privileges::None, [&] {
        try {
            applyDeviceFilter(group, kZeroOnly);
        } catch (const Error& error) {
            const std::string said = error.what();
            return error.code() == ErrorCode::NotSupported && said.find("CAP_BPF") != std::string::npos &&
                   !cgroup::deviceFilterObstacle().empty();
        }
        return false;
    }));
    CHECK(worker.open("/dev/null", O_RDONLY) == 0);
    CHECK(worker.open("/dev/zero", O_RDONLY) == EPERM);
}

TEST_CASE("the verifier accepts the longest list of the largest rules") {
    NEEDS_FILTERS();
    Place here;
    Rules rules;
    for (std::uint32_t i = 0; i < cgroup::kMostDeviceRules; ++i)
        rules.push_back({true, 'a', 1 + i, 3 + i, kM | kR | kW});
    applyDeviceFilter(here.group, rules);
    const Worker worker(here.below("group"));
    CHECK(worker.open("/dev/null", O_RDWR) == 0);
    CHECK(worker.open("/dev/zero", O_RDONLY) == EPERM);
}

TEST_CASE("the kernel decides what the rules say, for random rules and requests") {
    NEEDS_FILTERS();
    const Nodes nodes;
    NEEDS_NODES(nodes);
    Place here;
    const Group group = here.below("group");
    const Worker worker(group);
    unit::DeviceDice dice;
    CAPTURE(dice.seed);
    unsigned wrong = 0;
    unsigned allowed = 0;
    for (unsigned i = 0; i < 200; ++i) {
        const Rules rules = dice.rules();
        applyDeviceFilter(group, rules);
        for (unsigned k = 0; k < 30; ++k) {
            unit::DeviceRequest request = dice.request();
            request.access = dice.oneOf({kM, kR, kW, kR | kW});
            const mode_t type = request.type == 'b' ? S_IFBLK : S_IFCHR;
            const dev_t device = makedev(request.major, request.minor);
            const std::string path = nodes.path + "/" + request.type + std::to_string(device);
            const int mode = ((request.access & kR) ? R_OK : 0) | ((request.access & kW) ? W_OK : 0);
            if (request.access != kM && ::mknod(path.c_str(), type | 0600, device) < 0 && errno != EEXIST) ++wrong;
            if (request.access == kM) ::unlink(path.c_str());
            const int error = request.access == kM ? worker.mknod(path, type, device) : worker.access(path, mode);
            const bool wanted = permitted(rules, request);
            allowed += wanted;
            wrong += error != (wanted ? 0 : EPERM);
        }
    }
    CHECK(wrong == 0);
    CHECK(allowed > 500);
}
