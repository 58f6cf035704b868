// SPDX-License-Identifier: LGPL-2.1-or-later
// When the service has something to do: the daemon leaves when it has not, and with it goes what it has read.
#include "sandbox/bench.h"

using namespace scopewright;
using namespace scopewright::unit;

TEST_CASE("a call that waits for the bus to say who calls is work until it is dealt with") {
    NEEDS_CGROUPS();
    Bench bench;
    Child& child = bench.child();
    bench.settle();
    CHECK(bench.service().idle());
    bench.driver.clients[":1.50"] = {0, bench.driver.clients.at(Bench::kRoot).pid};
    const std::size_t asked = bench.driver.questions;
    Pending call = bench.create("hang", pids(child), ":1.50");
    bool idle = false;
    // The answer about the caller ends one operation, and the call, taken up again, begins the next.
    REQUIRE(bench.until([&] {
        if (bench.driver.questions > asked) idle = idle || bench.service().idle();
        return bench.systemd.logged("StartTransientUnit " + bench.unitOf("hang")) > 0;
    }));
    CHECK_FALSE(idle);
    bench.systemd.release(bench.unitOf("hang"));
    CHECK(bench.answer(call)->error == "");
}
