// SPDX-License-Identifier: LGPL-2.1-or-later
// The model of the daemon's answers and deeds, against a real PID 1.
#include "catch.h"
#include "guest/world.h"
#include "model/run.h"

#include <cstdio>

using namespace scopewright::integration;
using namespace scopewright::integration::model;

TEST_CASE("with a real PID 1 the world is what the model says, whatever is done", "[model][machine]") {
    const auto inGuest = [](const std::vector<Operation>& operations, std::chrono::milliseconds limit) {
        Guest guest;
        // A daemon that knows nothing of an earlier list.
        guest.killDaemon();
        return carryOut(worldOf(guest), operations, limit);
    };
    const std::string failure = tryLists(wantedOperations(emulated() ? 20 : 600), inGuest);
    std::printf("%s", failure.c_str());
    CHECK(failure.empty());
}
