// SPDX-License-Identifier: LGPL-2.1-or-later
// Spans of time as the configuration has them.
#include "fuzz.h"

#include "config/time.h"

namespace scopewright::fuzz {

namespace {

void run(std::string_view input) {
    const std::optional<std::chrono::microseconds> time = config::parseTime(input);
    if (!time) return;
    expect(time->count() >= 0, "a time before all times", input);
    expect(*time == config::kInfinity || static_cast<double>(time->count()) <= config::kLongestTime, "a time", input);
    const std::string printed = config::formatTime(*time);
    expect(config::parseTime(printed) == time, "a time that is another one when it is printed", input);
    expect(config::formatTime(*config::parseTime(printed)) == printed, "a time with two names", input);
}

const Registration kTarget("time", run);

} // namespace

} // namespace scopewright::fuzz
