// SPDX-License-Identifier: LGPL-2.1-or-later
// What an administrator should know is said in the log, once.
#include "catch.h"
#include "private_bus/private_bus.h"
#include "wait.h"

#include <csignal>
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
