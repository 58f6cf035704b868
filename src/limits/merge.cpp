// SPDX-License-Identifier: LGPL-2.1-or-later
// An update on top of what was asked before, and resources as a dictionary.
#include "limits/block_io.h"
#include "limits/devices.h"
#include "limits/keyed.h"
#include "limits/limits.h"

namespace scopewright::limits {

namespace {

template <class T>
void replace(std::optional<T>& base, const std::optional<T>& update) {
    if (update) base = update;
}

/// Entry by entry; an empty update makes every entry `lifted`.
template <class Map>
void mergeEntries(std::optional<Map>& base, const std::optional<Map>& update, const typename Map::mapped_type& lifted) {
    if (!update) return;
    if (!base) base.emplace();
    if (update->empty())
        for (auto& [key, value] : *base)
            value = lifted;
    for (const auto& [key, value] : *update)
        base->insert_or_assign(key, value);
}

/// Each half of a device's limit is a limit of its own.
void mergeRdma(std::optional<std::map<std::string, RdmaLimit>>& base,
               const std::optional<std::map<std::string, RdmaLimit>>& update) {
    std::optional<std::map<std::string, RdmaLimit>> complete = update;
    if (base && complete)
        for (auto& [device, limit] : *complete)
            if (const auto before = base->find(device); before != base->end()) {
                if (!limit.handles) limit.handles = before->second.handles;
                if (!limit.objects) limit.objects = before->second.objects;
            }
    mergeEntries(base, complete, RdmaLimit{UINT32_MAX, UINT32_MAX});
}

template <class Map, class Print>
void addPairs(Properties& properties, std::string_view key, const std::optional<Map>& map, Print print) {
    if (!map) return;
    std::vector<decltype(print(*map->begin()))> pairs;
    for (const auto& entry : *map)
        pairs.push_back(print(entry));
    properties.push_back(Property{std::string(key), std::move(pairs)});
}

using NumberPair = std::pair<std::string, std::uint64_t>;
using TextPair = std::pair<std::string, std::string>;

} // namespace

Resources merge(const Resources& base, const Resources& update) {
    Resources merged = base;
    for (const Field& field : kFields)
        replace(merged.*field.member, update.*field.member);
    for (const Flag& flag : kFlags)
        replace(merged.*flag.member, update.*flag.member);
    for (const ListField& list : kLists)
        replace(merged.*list.member, update.*list.member);
    for (const RateField& rates : kRates)
        mergeEntries(merged.*rates.member, update.*rates.member, 0);
    mergeEntries(merged.weightDevice, update.weightDevice, DeviceWeight());
    mergeEntries(merged.hugepages, update.hugepages, kInfinity);
    mergeRdma(merged.rdma, update.rdma);
    mergeEntries(merged.networkPriorities, update.networkPriorities, 0U);
    replace(merged.devices, update.devices);
    // A file has no value that means "as if nobody had written it", so nothing is taken back here.
    if (update.unified && !update.unified->empty()) mergeEntries(merged.unified, update.unified, "");
    return merged;
}

Properties toProperties(const Resources& resources) {
    Properties properties;
    for (const Field& field : kFields)
        if (const std::optional<std::int64_t>& value = resources.*field.member)
            properties.push_back(Property{std::string(field.key), *value});
    for (const Flag& flag : kFlags)
        if (const std::optional<bool>& value = resources.*flag.member)
            properties.push_back(Property{std::string(flag.key), *value});
    for (const ListField& list : kLists)
        if (const std::optional<std::string>& value = resources.*list.member)
            properties.push_back(Property{std::string(list.key), *value});
    for (const RateField& rates : kRates)
        addPairs(properties, rates.key, resources.*rates.member, [](const auto& entry) {
            return NumberPair{toText(entry.first), entry.second};
        });
    addPairs(properties, "blockIO.weightDevice", resources.weightDevice, [](const auto& entry) {
        return NumberPair{toText(entry.first), entry.second.weight};
    });
    addPairs(properties, "hugepageLimits", resources.hugepages, [](const auto& entry) { return NumberPair{entry}; });
    addPairs(properties, "network.priorities", resources.networkPriorities,
             [](const auto& entry) { return NumberPair{entry}; });
    addPairs(properties, "rdma", resources.rdma, [](const auto& entry) {
        return TextPair{entry.first, toText(entry.second)};
    });
    addPairs(properties, "devices", resources.devices, [](const DeviceRule& rule) {
        return TextPair{toText(rule), rule.access};
    });
    addPairs(properties, "unified", resources.unified, [](const auto& entry) { return TextPair{entry}; });
    return properties;
}

} // namespace scopewright::limits
