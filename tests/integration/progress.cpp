// SPDX-License-Identifier: LGPL-2.1-or-later
// One line per test as it ends, with its time; and a look at where this runs before anything is touched.
// Catch2 2 shows its listeners to those who ask.
#define CATCH_CONFIG_EXTERNAL_INTERFACES
#include "catch.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace scopewright::integration {

/// Why the tests of this program cannot run here; empty if they can.
std::string whyNotHere();

namespace {

#if __has_include(<catch2/catch_all.hpp>)
using ListenerBase = Catch::EventListenerBase;
#else
using ListenerBase = Catch::TestEventListenerBase;
#endif

class Progress : public ListenerBase {
public:
    using ListenerBase::ListenerBase;

    void testRunStarting(const Catch::TestRunInfo& info) override {
        ListenerBase::testRunStarting(info);
        const std::string reason = whyNotHere();
        if (reason.empty()) return;
        std::printf("%s\n0 passed, 0 failed, 1 skipped\n", reason.c_str());
        std::fflush(stdout);
        std::_Exit(77);
    }

    void testCaseStarting(const Catch::TestCaseInfo& info) override {
        ListenerBase::testCaseStarting(info);
        name_ = info.name;
        begun_ = std::chrono::steady_clock::now();
    }

    void testCaseEnded(const Catch::TestCaseStats& stats) override {
        ListenerBase::testCaseEnded(stats);
        const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begun_;
        std::printf("%6.2f s  %s  %s\n", taken.count(), stats.totals.assertions.allOk() ? "ok    " : "FAILED",
                    name_.c_str());
        std::fflush(stdout);
    }

private:
    std::string name_;
    std::chrono::steady_clock::time_point begun_;
};

CATCH_REGISTER_LISTENER(Progress)

} // namespace

} // namespace scopewright::integration
