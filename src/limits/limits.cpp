// SPDX-License-Identifier: LGPL-2.1-or-later
#include "limits/limits.h"

#include "base/error.h"
#include "limits/block_io.h"
#include "limits/convert.h"
#include "limits/cpuset.h"
#include "limits/devices.h"
#include "limits/keyed.h"
#include "limits/properties.h"
#include "limits/unified.h"

#include <algorithm>

namespace scopewright::limits {

namespace {

using Numbers = std::vector<std::pair<std::string, std::uint64_t>>;
using Texts = std::vector<std::pair<std::string, std::string>>;

static_assert(std::ranges::is_sorted(kFields, {}, &Field::key));

template <class Row, std::size_t N>
const Row* find(const std::array<Row, N>& rows, std::string_view key) {
    const auto* row = std::ranges::find(rows, key, &Row::key);
    return row == rows.end() ? nullptr : row;
}

template <class T>
const T& as(std::string_view key, const Value& value, const char* type) {
    const T* typed = std::get_if<T>(&value);
    if (!typed) throw Error(ErrorCode::InvalidArgument, std::string(key) + " takes a value of type " + type);
    return *typed;
}

std::int64_t toNumber(std::string_view key, const Value& value) {
    if (const std::int64_t* x = std::get_if<std::int64_t>(&value)) return *x;
    if (const std::int32_t* i = std::get_if<std::int32_t>(&value)) return *i;
    if (const std::uint32_t* u = std::get_if<std::uint32_t>(&value)) return *u;
    if (const std::uint64_t* t = std::get_if<std::uint64_t>(&value)) {
        if (*t == kInfinity) return -1;
        if (*t <= static_cast<std::uint64_t>(INT64_MAX)) return static_cast<std::int64_t>(*t);
        throw Error(ErrorCode::InvalidArgument, std::string(key) + " " + std::to_string(*t) + " is out of range");
    }
    throw Error(ErrorCode::InvalidArgument, std::string(key) + " takes a number (x, t, i or u)");
}

std::int64_t inRange(const Field& field, std::int64_t number) {
    const bool fits = number >= field.least && number <= field.most;
    if (!fits && !(field.unlimited && number == -1))
        throw Error(ErrorCode::InvalidArgument, std::string(field.key) + " " + std::to_string(number) + " is not in " +
                                                    std::to_string(field.least) + ".." + std::to_string(field.most) +
                                                    (field.unlimited ? " and not -1 (unlimited)" : "") +
                                                    "; to leave it unset, do not send it");
    return number;
}

/// As OCI says it: the last of several entries for one device counts.
Rates toRates(std::string_view key, const Numbers& numbers) {
    Rates rates;
    for (const auto& [text, rate] : numbers) {
        const DeviceNumber device = parseDeviceNumber(key, text);
        checkRate(key, device, rate);
        rates[device] = rate;
    }
    return rates;
}

std::map<DeviceNumber, DeviceWeight> toWeights(std::string_view key, const Numbers& numbers) {
    std::map<DeviceNumber, DeviceWeight> weights;
    const Field& weight = *find(kFields, "blockIO.weight");
    for (const auto& [text, number] : numbers) {
        const DeviceNumber device = parseDeviceNumber(key, text);
        if (number != 0 &&
            (number < static_cast<std::uint64_t>(weight.least) || number > static_cast<std::uint64_t>(weight.most)))
            refuse(key, text + " " + std::to_string(number), "is not in 10..1000 and not 0 (the default)");
        weights[device].weight = static_cast<std::uint16_t>(number);
    }
    return weights;
}

std::map<std::string, std::uint64_t> toHugepages(std::string_view key, const Numbers& numbers) {
    std::map<std::string, std::uint64_t> limits;
    for (const auto& [size, bytes] : numbers)
        limits[hugepageSize(key, size)] = bytes;
    return limits;
}

std::map<std::string, std::uint32_t> toPriorities(std::string_view key, const Numbers& numbers) {
    std::map<std::string, std::uint32_t> priorities;
    for (const auto& [name, priority] : numbers) {
        checkInterface(key, name);
        if (priority > UINT32_MAX) refuse(key, name + " " + std::to_string(priority), "is not below 2^32");
        priorities[name] = static_cast<std::uint32_t>(priority);
    }
    return priorities;
}

std::map<std::string, RdmaLimit> toRdma(std::string_view key, const Texts& texts) {
    std::map<std::string, RdmaLimit> limits;
    for (const auto& [device, text] : texts) {
        checkRdmaDevice(key, device);
        limits[device] = parseRdmaLimit(key, text);
    }
    return limits;
}

std::vector<DeviceRule> toRules(const Texts& texts) {
    constexpr std::size_t kMostRules = 1024;
    if (texts.size() > kMostRules)
        throw Error(ErrorCode::LimitsExceeded, "devices has more than " + std::to_string(kMostRules) + " rules");
    std::vector<DeviceRule> rules;
    for (const auto& [rule, access] : texts)
        rules.push_back(parseDeviceRule(rule, access));
    return rules;
}

std::map<std::string, std::string> toUnified(const Texts& texts) {
    std::map<std::string, std::string> files;
    for (const auto& [file, value] : texts) {
        checkUnifiedKey(file);
        // A dictionary on the bus can name a key twice, and each of the two could be the one that was meant.
        if (!files.emplace(file, unifiedValue(file, value)).second)
            throw Error(ErrorCode::InvalidArgument, "unified " + quoted(file) + " is given twice");
    }
    return files;
}

void setKeyed(Resources& resources, std::string_view key, const Value& value) {
    // clang-format off
    if (const RateField* rates = find(kRates, key)) resources.*rates->member = toRates(key, as<Numbers>(key, value, "a(st)"));
    else if (key == "blockIO.weightDevice") resources.weightDevice = toWeights(key, as<Numbers>(key, value, "a(st)"));
    else if (key == "hugepageLimits") resources.hugepages = toHugepages(key, as<Numbers>(key, value, "a(st)"));
    else if (key == "network.priorities") resources.networkPriorities = toPriorities(key, as<Numbers>(key, value, "a(st)"));
    else if (key == "rdma") resources.rdma = toRdma(key, as<Texts>(key, value, "a(ss) or a{ss}"));
    else if (key == "devices") resources.devices = toRules(as<Texts>(key, value, "a(ss)"));
    else if (key == "unified") resources.unified = toUnified(as<Texts>(key, value, "a{ss} or a(ss)"));
    else throw Error(ErrorCode::PropertyNotAllowed, quoted(key) + " is not a resource");
    // clang-format on
}

} // namespace

const std::vector<std::string_view>& resourceKeys() {
    static const std::vector<std::string_view> kKeys = [] {
        std::vector<std::string_view> keys;
        for (const PropertyRule& rule : kProperties)
            if (!rule.key.starts_with("unified.") && (keys.empty() || keys.back() != rule.key))
                keys.push_back(rule.key);
        return keys;
    }();
    return kKeys;
}

bool isResourceKey(std::string_view key) {
    return std::ranges::binary_search(resourceKeys(), key);
}

void set(Resources& resources, std::string_view key, const Value& value) {
    if (const Field* field = find(kFields, key))
        resources.*field->member = inRange(*field, toNumber(key, value));
    else if (const Flag* flag = find(kFlags, key))
        resources.*flag->member = as<bool>(key, value, "b");
    else if (const ListField* list = find(kLists, key))
        resources.*list->member = cpuListText(parseCpuList(key, as<std::string>(key, value, "s")));
    else
        setKeyed(resources, key, value);
}

std::vector<Conflict> conflicts(const Resources& r) {
    std::vector<Conflict> found;
    try {
        swapAlone(r.memoryLimit, r.memorySwap);
    } catch (const Error& error) {
        found.push_back({"memory.swap", error.what()});
    }
    if (r.cpuBurst && r.cpuQuota && *r.cpuQuota > 0 && *r.cpuBurst > *r.cpuQuota)
        found.push_back({"cpu.burst", "cpu.burst " + std::to_string(*r.cpuBurst) + " is more than cpu.quota " +
                                          std::to_string(*r.cpuQuota)});
    return found;
}

void checkTogether(const Resources& resources) {
    const std::vector<Conflict> found = conflicts(resources);
    if (!found.empty()) throw Error(ErrorCode::InvalidArgument, found.front().message);
}

void checkUsage(const Resources& update, std::uint64_t usage) {
    if (!update.checkBeforeUpdate.value_or(false)) return;
    for (const char* key : {"memory.limit", "memory.swap"}) {
        const std::optional<std::int64_t>& limit = update.*find(kFields, key)->member;
        if (limit && *limit > 0 && static_cast<std::uint64_t>(*limit) <= usage)
            throw Error(ErrorCode::WouldKill, std::string(key) + " " + std::to_string(*limit) + " is not above the " +
                                                  std::to_string(usage) + " bytes in use");
    }
}

} // namespace scopewright::limits
