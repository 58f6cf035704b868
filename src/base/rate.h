// SPDX-License-Identifier: LGPL-2.1-or-later
// How often each user may do something: so often in a second, and so many times at once before that counts.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <unordered_map>

namespace scopewright {

class Rate {
public:
    using Time = std::chrono::steady_clock::time_point;

    /// Once more at `now`: no time if the user may; if not, it does not count, and this is how long it will be until
    /// then. What is worth several is let go as one is, and then counts as so many.
    std::chrono::milliseconds take(uid_t uid, std::uint32_t perSecond, std::uint32_t atOnce, Time now,
                                   double worth = 1);

private:
    struct Bucket {
        double used;
        Time at;
    };
    void forgetEmptied(std::uint32_t perSecond, Time now);

    std::unordered_map<uid_t, Bucket> buckets_; ///< of those who have done it lately
};

} // namespace scopewright
