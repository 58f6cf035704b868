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
