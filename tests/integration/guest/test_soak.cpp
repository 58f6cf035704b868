// SPDX-License-Identifier: LGPL-2.1-or-later
// Hundreds of sandboxes, made and ended by many clients while the daemon is killed, with a real PID 1.
#include "catch.h"
#include "guest/world.h"
#include "soak.h"

using namespace scopewright::integration;

TEST_CASE("with a real PID 1 a daemon that is killed again and again loses and leaves no sandbox", "[soak]") {
    Guest guest;
    SoakPlan plan;
    plan.sandboxes = wantedSandboxes(emulated() ? 12 : 400);
    plan.clients = emulated() ? 4 : 32;
    plan.betweenKills = std::chrono::milliseconds(emulated() ? 10000 : 600);
    const SoakResult result = soak(worldOf(guest), plan);
    CHECK(result.wrong == std::vector<std::string>());
    CHECK(result.left == std::vector<std::string>());
    CHECK(result.ended == plan.sandboxes);
    // An emulated machine may be done before the first one.
    if (!emulated()) CHECK(result.kills > 0);
}
