// SPDX-License-Identifier: LGPL-2.1-or-later
// The one slow translation unit: Catch2's runner, and the last line that says how many cases passed, failed, skipped.
#define CATCH_CONFIG_RUNNER
#include "catch.h"

#include "base/log.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

struct {
    unsigned passed = 0;
    unsigned failed = 0;
    unsigned skipped = 0;
} counts;

bool skipping = false;
std::vector<std::string> tags;

#if __has_include(<catch2/catch_all.hpp>)
using ListenerBase = Catch::EventListenerBase;
std::string textOf(const Catch::Tag& tag) {
    return static_cast<std::string>(tag.original);
}
#else
using ListenerBase = Catch::TestEventListenerBase;
std::string textOf(const std::string& tag) {
    return tag;
}
#endif

class Counter : public ListenerBase {
public:
    using ListenerBase::ListenerBase;

    void testCaseStarting(const Catch::TestCaseInfo& info) override {
        ListenerBase::testCaseStarting(info);
        skipping = false;
        tags.clear();
        for (const auto& tag : info.tags)
            tags.push_back(textOf(tag));
    }

    void testCaseEnded(const Catch::TestCaseStats& stats) override {
        ListenerBase::testCaseEnded(stats);
        if (!stats.totals.assertions.allOk())
            ++counts.failed;
        else if (skipping)
            ++counts.skipped;
        else
            ++counts.passed;
    }
};

CATCH_REGISTER_LISTENER(Counter)

} // namespace

void scopewright::unit::noteSkip(const std::string& why) {
    skipping = true;
    std::printf("skipped: %s\n", why.c_str());
}

bool scopewright::unit::isTagged(const std::string& tag) {
    return std::find(tags.begin(), tags.end(), tag) != tags.end();
}

int main(int argc, char** argv) {
    // What the code under test has to say about bad input is no news here; a test that wants lines captures them.
    scopewright::log::setUp(scopewright::log::Level::Error);
    if (std::getenv("SCOPEWRIGHT_TEST_LOG")) scopewright::log::setLevel(scopewright::log::Level::Debug);
    std::signal(SIGPIPE, SIG_IGN);
    const int result = Catch::Session().run(argc, argv);
    std::printf("%u passed, %u failed, %u skipped\n", counts.passed, counts.failed, counts.skipped);
    std::fflush(stdout);
    return result;
}
