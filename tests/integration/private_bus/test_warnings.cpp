// SPDX-License-Identifier: LGPL-2.1-or-later
// What an administrator should know is said in the log, once.
#include "catch.h"
#include "floods.h"
#include "private_bus/private_bus.h"
#include "wait.h"

#include <algorithm>
#include <csignal>
#include <memory>
#include <string>

using namespace scopewright::integration;
using scopewright::Properties;

namespace {

std::size_t countOf(const std::string& text, const std::string& what) {
    std::size_t count = 0;
    for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += what.size())
        ++count;
    return count;
}

} // namespace

TEST_CASE("a systemd that users can bring down is warned of at the start", "[attack-66]") {
    for (const char* version : {"258.4-1.fc43", "258.5-1.fc43"}) {
        CAPTURE(version);
        const bool flawed = std::string(version).starts_with("258.4");
        PrivateBus bus{std::string(version)};
        Client client;
        const std::unique_ptr<Program> daemon = bus.start();
        client.manager("ListSandboxes").must();
        daemon->signal(SIGHUP);
        client.manager("ListSandboxes").must();
        daemon->signal(SIGTERM);
        CHECK(daemon->wait() == 0);
        CHECK(countOf(daemon->output(), "warning: systemd 258.4-1.fc43 has CVE-2026-40223") == (flawed ? 1 : 0));
        CHECK(countOf(daemon->output(), "CVE") == (flawed ? 1 : 0));
    }
}

TEST_CASE("remains of many groups are warned of once", "[attack-33]") {
    for (const char* most : {"1", "100000000"}) {
        CAPTURE(most);
        PrivateBus bus;
        bus.configure("[daemon]\nwarn-of-remains = " + std::string(most) + "\n");
        Client client;
        Child own;
        const std::unique_ptr<Program> daemon = bus.start();
        create(client, "web", own);
        // The dead processes that nobody reaps are what the groups' remains are kept for.
        Child first, second;
        const Properties none;
        for (Child* child : {&first, &second}) {
            const std::string group = child == &first ? "first" : "second";
            client.manager("CreateGroup", "web", group, none, std::uint64_t{0}).must();
            client.manager("AttachProcesses", "web", group, numbers({child})).must();
            child->kill();
            client.manager("RemoveGroup", "web", group).must();
        }
        daemon->signal(SIGTERM);
        CHECK(daemon->wait() == 0);
        CHECK(countOf(daemon->output(), "the kernel keeps the remains of ") == (std::string(most) == "1" ? 1 : 0));
    }
}

TEST_CASE("whose calls are dropped since they want no answer is told, and others have theirs", "[attack-49]") {
    PrivateBus bus("252.39-1~deb12u2", kFlooderPolicy);
    const std::unique_ptr<Program> daemon = bus.start();
    Client client;
    const auto kind = std::ranges::find_if(floods(), [](const Flood& flood) { return !flood.wantsAnswers; });
    Child flooder(floodAsFlooder(*kind));
    const std::string warning = "warning: calls of uid 65534 that want no answer are dropped";
    CHECK(eventually([&] { return countOf(daemon->output(), warning) > 0; }));
    CHECK(client.manager("ListSandboxes").ok());
    flooder.kill();
    client.manager("ListSandboxes").must();
    CHECK(countOf(daemon->output(), warning) == 1);
}
