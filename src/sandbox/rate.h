// SPDX-License-Identifier: LGPL-2.1-or-later
// How often each user may make a group: so often in a second, and so many at once before that counts. What is alive is
// bounded otherwise; but of each group that has lived the kernel keeps the remains for a while.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <unordered_map>

namespace scopewright::sandbox {

class Rate {
public:
    using Time = std::chrono::steady_clock::time_point;

    /// One group more at `now`. LimitsExceeded, with the time to wait, if the user has made too many lately.
    void take(uid_t uid, std::uint32_t perSecond, std::uint32_t atOnce, Time now);

private:
    struct Bucket {
        double used;
        Time at;
    };
    void forgetEmptied(std::uint32_t perSecond, Time now);

    std::unordered_map<uid_t, Bucket> buckets_; ///< of those who have made something lately
};

} // namespace scopewright::sandbox
