// SPDX-License-Identifier: LGPL-2.1-or-later
// What device rules mean, in the plainest words, and random ones of them.
#pragma once

#include "cgroup/device_filter.h"

#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <random>

namespace scopewright::unit {

using cgroup::DeviceRule;
using DeviceRules = std::vector<DeviceRule>;
inline constexpr unsigned kM = cgroup::kDeviceMknod;
inline constexpr unsigned kR = cgroup::kDeviceRead;
inline constexpr unsigned kW = cgroup::kDeviceWrite;

struct DeviceRequest {
    char type;
    std::uint32_t major;
    std::uint32_t minor;
    unsigned access;
};

/// The definition.
inline bool permitted(const DeviceRules& rules, const DeviceRequest& request) {
    for (unsigned access = 1; access < 1u << 16; access <<= 1) {
        if ((request.access & access) == 0) continue;
        bool allowed = false;
        for (const DeviceRule& rule : rules) {
            const bool matches = (rule.type == 'a' || rule.type == request.type) &&
                                 rule.major.value_or(request.major) == request.major &&
                                 rule.minor.value_or(request.minor) == request.minor;
            if (matches && (rule.access & access) != 0) allowed = rule.allow;
        }
        if (!allowed) return false;
    }
    return true;
}

/// Random lists over few numbers, so that rules meet each other. Another seed: SCOPEWRIGHT_TEST_SEED.
class DeviceDice {
public:
    DeviceDice() {
        const char* given = std::getenv("SCOPEWRIGHT_TEST_SEED");
        seed = given ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : std::random_device{}();
        engine_.seed(seed);
        std::printf("seed %u\n", seed);
    }

    template <class T>
    T oneOf(std::initializer_list<T> values) {
        return values.begin()[engine_() % values.size()];
    }

    std::uint32_t major() { return oneOf({1u, 5u, 136u, 511u, 4095u}); }
    std::uint32_t minor() { return oneOf({0u, 3u, 255u, 256u, 1048575u}); }

    DeviceRules rules() {
        DeviceRules rules(engine_() % 13);
        for (DeviceRule& rule : rules) {
            rule.allow = engine_() % 2;
            rule.type = oneOf({'a', 'b', 'b', 'c', 'c'});
            if (engine_() % 4) rule.major = engine_() % 16 ? major() : static_cast<std::uint32_t>(engine_());
            if (engine_() % 4) rule.minor = engine_() % 16 ? minor() : static_cast<std::uint32_t>(engine_());
            rule.access = static_cast<unsigned>(1 + engine_() % 7);
        }
        return rules;
    }

    DeviceRequest request() {
        const unsigned strange = engine_() % 32 ? 0 : 8u << engine_() % 13;
        return {oneOf({'b', 'c'}), major(), minor(), static_cast<unsigned>(engine_() % 8) | strange};
    }

    unsigned seed;

private:
    std::mt19937 engine_;
};

} // namespace scopewright::unit
