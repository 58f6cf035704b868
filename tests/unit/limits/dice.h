// SPDX-License-Identifier: LGPL-2.1-or-later
// Resources at random, from a seed that is printed. Another seed: SCOPEWRIGHT_TEST_SEED.
#pragma once

#include "limits/limits.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <type_traits>

namespace scopewright::unit {

class ResourceDice {
public:
    ResourceDice() {
        const char* given = std::getenv("SCOPEWRIGHT_TEST_SEED");
        const unsigned seed = given ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : std::random_device{}();
        engine_.seed(seed);
        std::printf("seed %u\n", seed);
    }

    std::uint64_t upTo(std::uint64_t most) { return std::uniform_int_distribution<std::uint64_t>(0, most)(engine_); }
    bool once(unsigned in) { return upTo(in - 1) == 0; }
    template <class T>
    T oneOf(std::initializer_list<T> values) {
        return values.begin()[upTo(values.size() - 1)];
    }

    /// Valid field by field; that the fields suit each other is not looked after.
    limits::Resources resources() {
        limits::Resources r;
        for (const limits::Field& field : limits::kFields)
            if (once(3)) limits::set(r, field.key, number(field));
        for (const limits::Flag& flag : limits::kFlags)
            if (once(4)) limits::set(r, flag.key, once(2));
        for (const limits::ListField& list : limits::kLists)
            if (once(3)) limits::set(r, list.key, cpuList());
        for (const limits::RateField& rates : limits::kRates)
            if (once(3)) limits::set(r, rates.key, pairs([&] { return device(); }, [&] { return rate(); }));
        if (once(3)) limits::set(r, "blockIO.weightDevice", pairs([&] { return device(); }, [&] { return weight(); }));
        if (r.weightDevice)
            for (auto& [number, one] : *r.weightDevice)
                if (once(3)) one.leafWeight = static_cast<std::uint16_t>(10 + upTo(990));
        if (once(3))
            limits::set(r, "hugepageLimits", pairs([&] { return pageSize(); }, [&] { return upTo(UINT64_MAX); }));
        if (once(3))
            limits::set(r, "network.priorities", pairs([&] { return interface(); }, [&] { return upTo(UINT32_MAX); }));
        if (once(3)) limits::set(r, "rdma", pairs([&] { return interface(); }, [&] { return rdma(); }));
        if (once(3))
            limits::set(r, "devices",
                        pairs([&] { return rule(); },
                              [&] {
                                  return oneOf<std::string>({"r", "wr", "rwm", "m"});
                              }));
        if (once(3)) limits::set(r, "unified", unified());
        return r;
    }

    std::string cpuList() {
        std::string list;
        for (std::uint64_t i = upTo(4); i > 0; --i) {
            const std::uint64_t first = upTo(300);
            list += (list.empty() ? "" : ",") + std::to_string(first);
            if (once(2)) list += "-" + std::to_string(first + upTo(70));
        }
        return list;
    }

private:
    template <class Key, class Entry>
    std::vector<std::pair<std::string, std::invoke_result_t<Entry>>> pairs(Key key, Entry entry) {
        std::vector<std::pair<std::string, std::invoke_result_t<Entry>>> list;
        for (std::uint64_t i = upTo(4); i > 0; --i)
            list.emplace_back(key(), entry());
        return list;
    }

    std::int64_t number(const limits::Field& field) {
        if (field.unlimited && once(4)) return -1;
        if (once(4)) return once(2) ? field.least : field.most;
        return field.least + static_cast<std::int64_t>(upTo(static_cast<std::uint64_t>(field.most - field.least)));
    }

    std::string device() { return std::to_string(upTo(4095)) + ":" + std::to_string(upTo(1048575)); }
    std::uint64_t rate() { return once(5) ? 0 : 2 + upTo(UINT64_MAX - 2); }
    std::uint64_t weight() { return once(5) ? 0 : 10 + upTo(990); }
    std::string pageSize() { return oneOf<std::string>({"64KB", "2MB", "32MB", "1GB", "16GB"}); }
    std::string interface() { return oneOf<std::string>({"eth0", "mlx5_0", "en-1.2", "x"}); }
    std::string rdma() {
        const auto half = [&] { return once(4) ? std::string("max") : std::to_string(upTo(UINT32_MAX)); };
        if (once(3)) return "hca_object=" + half();
        return "hca_handle=" + half() + (once(2) ? " hca_object=" + half() : "");
    }
    std::string rule() {
        const std::string verb = once(2) ? "allow " : "deny ";
        const auto half = [&](std::uint64_t most) { return once(3) ? std::string("*") : std::to_string(upTo(most)); };
        return verb + oneOf<std::string>({"b ", "c "}) + half(4095) + ":" + half(1048575);
    }
    std::vector<std::pair<std::string, std::string>> unified() {
        const std::string dev = device();
        return {{"memory.high", once(2) ? "max" : std::to_string(4096 + upTo(1ULL << 40))},
                {"io.max", dev + " rbps=" + std::to_string(2 + upTo(1000)) + " wiops=max\n9:1 riops=7"},
                {"io.weight", "default 50\n" + dev + " 17"},
                {"memory.low", std::to_string(1 + upTo(1000)) + "M"},
                {"cpu.max", "max 50000"},
                {"cpuset.cpus", cpuList()},
                {"some.new_thing", "a b \"c\" \\ d\n=e"}};
    }

    std::mt19937_64 engine_;
};

} // namespace scopewright::unit
