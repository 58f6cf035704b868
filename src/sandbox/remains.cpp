// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sandbox/remains.h"

#include "base/error.h"
#include "base/log.h"

#include <exception>
#include <sstream>
#include <string>

namespace scopewright::sandbox {

std::uint64_t remainsBelow(const cgroup::Group& group) {
    // A figure to look at: nothing fails for want of it.
    std::istringstream lines;
    try {
        lines.str(group.read("cgroup.stat").value_or(""));
    } catch (const Error&) {}
    std::string key;
    std::uint64_t value = 0;
    while (lines >> key >> value)
        if (key == "nr_dying_descendants") return value;
    return 0;
}

void RemainsWatch::look(const cgroup::Group& top, std::uint32_t most) noexcept {
    constexpr std::chrono::seconds kBetweenLooks{1};
    const std::chrono::steady_clock::time_point now = std::chrono::steady_clock::now();
    if (now < next_) return;
    next_ = now + kBetweenLooks;
    try {
        const std::uint64_t remains = remainsBelow(top);
        if (remains < most / 2) warned_ = false;
        if (remains < most || warned_) return;
        warned_ = true;
        log::warning("the kernel keeps the remains of " + std::to_string(remains) +
                     " control groups that are gone; the property Remains of a sandbox tells whether they are its");
    } catch (const std::exception& error) {
        log::error(error.what());
    }
}

} // namespace scopewright::sandbox
