// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cgroup/path.h"

#include "catch.h"

using namespace scopewright;
using namespace scopewright::cgroup;

TEST_CASE("names that orchestrators and runtimes use are good names for a group") {
    const std::string hex64 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    for (const std::string& name :
         {std::string("payload"), std::string("a"), std::string("0"), "cri-containerd-" + hex64 + ".scope",
          "crio-" + hex64 + ".scope", "docker-" + hex64 + ".scope", hex64, std::string("cri-containerd:abc"),
          std::string("helpers.service"), std::string("x_1"), std::string("a-b.slice"), std::string("1.2"),
          std::string("0.max"), std::string("a1.b"), std::string(128, 'a')}) {
        CAPTURE(name);
        CHECK_NOTHROW(checkGroupName(name));
    }
}

TEST_CASE("a group's name cannot lead elsewhere, nor hide in a message", "[attack-1]") {
    for (const std::string& name :
         {std::string(""),        std::string("."),       std::string(".."),       std::string("/"),
          std::string("a/b"),     std::string("../x"),    std::string("/a"),       std::string("a/"),
          std::string("x\ny"),    std::string("x y"),     std::string("\xc3\xa9"), std::string("a\0b", 3),
          std::string("\0", 1),   std::string("a\\x2fb"), std::string("a%b"),      std::string("-a"),
          std::string("_a"),      std::string(".a"),      std::string(":a"),       std::string("Payload"),
          std::string("paYload"), std::string(129, 'a'),  std::string(4096, 'a')}) {
        CAPTURE(name);
        CHECK_CODE(checkGroupName(name), InvalidArgument);
    }
}

TEST_CASE("a group's name cannot take the place of a kernel file, present or future", "[attack-2][attack-3]") {
    for (const char* name :
         {"memory.max", "memory.high", "pids.max", "cgroup.x", "cgroup.procs", "cgroup.scope", "cgroup.a.slice",
          "cpu.weight", "cpu.weight.nice", "io.max", "cpuset.cpus.partition", "hugetlb.2MB.max", "rdma.current",
          "misc.max", "irq.pressure", "newcontroller.anything", "new_controller.max", "a.", "memory."}) {
        CAPTURE(name);
        CHECK_CODE(checkGroupName(name), InvalidArgument);
    }
}

TEST_CASE("a control group is taken apart at its slashes") {
    CHECK(components("/a") == std::vector<std::string>{"a"});
    CHECK(components("/a.slice/b.scope/payload") == std::vector<std::string>{"a.slice", "b.scope", "payload"});
    CHECK(components("/system.slice/lab\\x2d.scope") == std::vector<std::string>{"system.slice", "lab\\x2d.scope"});
    CHECK(components("/...") == std::vector<std::string>{"..."});
}

TEST_CASE("a control group that could lead elsewhere is refused", "[attack-1]") {
    for (const std::string& path :
         {std::string(""), std::string("/"), std::string("a"), std::string("a/b"), std::string("//"),
          std::string("/a//b"), std::string("/a/"), std::string("/.."), std::string("/a/../b"), std::string("/./a"),
          std::string("/a/."), "/" + std::string(256, 'a')}) {
        CAPTURE(path);
        CHECK_CODE(components(path), Io);
    }
}

TEST_CASE("containment goes by whole components", "[attack-1]") {
    CHECK(contains("/a", "/a"));
    CHECK(contains("/a", "/a/b"));
    CHECK(contains("/a/b", "/a/b/c/d"));
    CHECK_FALSE(contains("/a", "/ab"));
    CHECK_FALSE(contains("/a/b", "/a"));
    CHECK_FALSE(contains("/a/b", "/a/bc"));
    CHECK_FALSE(contains("/foo", "/foo2/x"));
}
