// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/rate.h"

#include <algorithm>
#include <cmath>

namespace scopewright {

namespace {

constexpr std::size_t kMostRemembered = 1024;

double leftOf(double used, std::uint32_t perSecond, std::chrono::duration<double> passed) {
    return std::max(0.0, used - perSecond * passed.count());
}

} // namespace

void Rate::forgetEmptied(std::uint32_t perSecond, Time now) {
    std::erase_if(buckets_,
                  [&](const auto& entry) { return leftOf(entry.second.used, perSecond, now - entry.second.at) == 0; });
}

std::chrono::milliseconds Rate::take(uid_t uid, std::uint32_t perSecond, std::uint32_t atOnce, Time now, double worth) {
    if (buckets_.size() >= kMostRemembered) forgetEmptied(perSecond, now);
    Bucket& bucket = buckets_.try_emplace(uid, Bucket{0, now}).first->second;
    bucket = Bucket{leftOf(bucket.used, perSecond, now - bucket.at), now};
    if (bucket.used + 1 > atOnce)
        return std::chrono::milliseconds(std::llround(std::ceil((bucket.used + 1 - atOnce) / perSecond * 1000)));
    bucket.used += worth;
    return {};
}

} // namespace scopewright
