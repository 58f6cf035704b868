// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sandbox/rate.h"

#include "base/error.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace scopewright::sandbox {

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

void Rate::take(uid_t uid, std::uint32_t perSecond, std::uint32_t atOnce, Time now) {
    if (buckets_.size() >= kMostRemembered) forgetEmptied(perSecond, now);
    Bucket& bucket = buckets_.try_emplace(uid, Bucket{0, now}).first->second;
    bucket = Bucket{leftOf(bucket.used, perSecond, now - bucket.at), now};
    if (bucket.used + 1 > atOnce) {
        const double wait = std::ceil((bucket.used + 1 - atOnce) / perSecond * 1000);
        throw Error(ErrorCode::LimitsExceeded, "uid " + std::to_string(uid) +
                                                   " makes groups too often; come again in " +
                                                   std::to_string(static_cast<long>(wait)) + " ms");
    }
    ++bucket.used;
}

} // namespace scopewright::sandbox
