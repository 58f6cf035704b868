// SPDX-License-Identifier: LGPL-2.1-or-later
#include "examine.h"

#include "fuzz.h"
#include "limits/drift.h"
#include "limits/explain.h"
#include "limits/oci_json.h"
#include "limits/properties.h"
#include "limits/text.h"
#include "limits/wishes.h"
#include "values.h"

#include <algorithm>
#include <array>

namespace scopewright::fuzz {

namespace {

using limits::Resources;

/// One for each column of the README's table.
constexpr std::array kVersions{247U, 252U, 254U, 257U, 262U};

bool isLines(std::string_view text) {
    for (std::string_view line : lines(text))
        if (!isVisible(line)) return false;
    return true;
}

void examineProperties(const Properties& properties) {
    for (const Property& property : properties) {
        const auto* row = std::ranges::find(limits::kProperties, property.name, &limits::PropertyRule::property);
        expect(row != limits::kProperties.end(), "a unit property that is not in the table", property.name);
        expect(isVisible(limits::valueText(property.value)), "a property's value", limits::valueText(property.value));
    }
}

template <class List>
bool extend(Value& value, const Value& more) {
    const List* added = std::get_if<List>(&more);
    List* list = std::get_if<List>(&value);
    if (!added || !list) return false;
    if (added->empty()) list->clear();
    list->insert(list->end(), added->begin(), added->end());
    return true;
}

/// What PID 1 has when it was told this: lists grow, and an empty one clears.
Properties asShown(const Properties& told) {
    Properties shown;
    for (const Property& property : told) {
        const auto known = std::ranges::find(shown, property.name, &Property::name);
        if (known == shown.end())
            shown.push_back(property);
        else if (!extend<std::vector<std::pair<std::string, std::uint64_t>>>(known->value, property.value) &&
                 !extend<std::vector<std::pair<std::string, std::string>>>(known->value, property.value))
            known->value = property.value;
    }
    return shown;
}

void examineSkips(const std::vector<limits::Skip>& skipped) {
    for (const limits::Skip& skip : skipped) {
        expect(isVisible(skip.key) && skip.key.find_first_of(" ,:") == std::string::npos, "a skip's key", skip.key);
        expect(isVisible(skip.cause) && skip.cause.find_first_of(" ,") == std::string::npos, "a cause", skip.cause);
        checkMessage(limits::reason(skip));
    }
}

void examineFiles(const std::vector<limits::FileValue>& files) {
    for (const limits::FileValue& file : files)
        examineFile(file);
}

void examinePlans(const Resources& resources) {
    for (unsigned version : kVersions)
        for (bool starting : {true, false}) {
            limits::Context context;
            context.systemdVersion = version;
            context.starting = starting;
            context.devicePrograms = starting;
            const limits::ScopePlan scope = limits::planScope(resources, context);
            examineProperties(scope.properties);
            examineSkips(scope.skipped);
            for (const std::vector<limits::FileValue>* files : {&scope.files, &scope.scopeFiles, &scope.echoes})
                examineFiles(*files);
            expect(limits::overrides(scope.properties, asShown(scope.properties)).empty(),
                   "what was asked for is not there", limits::toText(resources));
            const limits::GroupPlan group = limits::planGroup(resources, context);
            examineFiles(group.files);
            examineSkips(group.skipped);
        }
    for (auto weight : {limits::WeightFormula::Linear, limits::WeightFormula::Quadratic}) {
        const limits::GroupPlan compat = limits::planCompat(resources, {weight, limits::ReservationFile::Both});
        examineFiles(compat.files);
        examineSkips(compat.skipped);
        expect(!compat.program, "a program where there are no processes", limits::toText(resources));
    }
}

void examineRows(const Resources& resources) {
    for (const limits::ExplainRow& row : limits::explain(resources, limits::Context{252})) {
        for (const std::string* text : {&row.key, &row.target, &row.reason})
            expect(isVisible(*text), "a row of Explain", *text);
        expect(isLines(row.value), "a value in a row of Explain", row.value);
        const bool known =
            row.verdict == "property" || row.verdict == "file" || row.verdict == "skipped" || row.verdict == "refused";
        expect(known, "a verdict", row.verdict);
    }
}

/// What an update names counts, and for the rest what was there; an empty list lifts all that it had.
template <class Map>
bool isMerged(const std::optional<Map>& before, const std::optional<Map>& update, const std::optional<Map>& merged,
              const typename Map::mapped_type& lifted) {
    if (!update) return merged == before;
    Map expected = before.value_or(Map());
    if (update->empty())
        for (auto& [key, value] : expected)
            value = lifted;
    for (const auto& [key, value] : *update)
        expected[key] = value;
    return merged.value_or(Map()) == expected;
}

bool isRdmaMerged(const Resources& before, const Resources& update, const Resources& merged) {
    if (!update.rdma || update.rdma->empty() || !before.rdma) return true;
    for (const auto& [device, limit] : *update.rdma) {
        const auto old = before.rdma->find(device);
        const limits::RdmaLimit kept = old == before.rdma->end() ? limits::RdmaLimit() : old->second;
        if (merged.rdma->at(device).handles != (limit.handles ? limit.handles : kept.handles) ||
            merged.rdma->at(device).objects != (limit.objects ? limit.objects : kept.objects))
            return false;
    }
    return true;
}

void examineMerge(const Resources& before, const Resources& update, const Resources& merged) {
    const std::string text = limits::toText(before) + " " + limits::toText(update);
    const auto replaced = [&](auto member) {
        expect(merged.*member == (update.*member ? update.*member : before.*member), "what an update replaces", text);
    };
    for (const limits::Field& field : limits::kFields)
        replaced(field.member);
    for (const limits::Flag& flag : limits::kFlags)
        replaced(flag.member);
    for (const limits::ListField& list : limits::kLists)
        replaced(list.member);
    replaced(&Resources::devices);
    const auto kept = [&](auto member, const auto& lifted) {
        expect(isMerged(before.*member, update.*member, merged.*member, lifted), "what an update adds", text);
    };
    for (const limits::RateField& rates : limits::kRates)
        kept(rates.member, 0U);
    kept(&Resources::weightDevice, limits::DeviceWeight());
    kept(&Resources::hugepages, limits::kInfinity);
    kept(&Resources::networkPriorities, 0U);
    expect(isRdmaMerged(before, update, merged), "what an update adds to rdma", text);
}

} // namespace

void examineFile(const limits::FileValue& file) {
    const std::size_t dot = file.file.find('.');
    expect(dot != std::string::npos && dot > 0 && isOf(file.file, std::string(kAlphanumeric) + "_."), "a file",
           file.file);
    expect(!file.file.starts_with("cgroup.") && file.file.find("..") == std::string::npos, "a file", file.file);
    expect(!file.value.empty() && isLines(file.value), "what would be written", file.value);
    expect(limits::holds(file, file.value), "a file that does not hold what was written", file.value);
}

void examine(const Resources& resources) {
    const std::string text = limits::toText(resources);
    expect(isVisible(text) && text.find(' ') == std::string::npos, "a record with blanks or worse", text);
    const std::optional<Resources> stored = limits::fromText(text);
    expect(stored && *stored == resources, "resources that a record does not keep", text);
    expect(limits::merge(resources, Resources()) == resources, "an empty update that changes something", text);
    const Resources first = limits::merge(Resources(), resources);
    expect(limits::merge(first, resources) == first, "an update that does more the second time", text);

    Resources sent;
    Resources expected = resources;
    if (expected.weightDevice)
        for (auto& [device, weight] : *expected.weightDevice)
            weight.leafWeight = 0; // no key of D-Bus has them
    for (const Property& property : limits::toProperties(resources))
        limits::set(sent, property.name, property.value);
    expect(sent == expected, "resources that D-Bus does not keep", text);

    examineRows(resources);
    if (accepts([&] { limits::checkTogether(resources); })) examinePlans(resources);
}

void examineUpdate(const Resources& before, const Resources& update) {
    const Resources merged = limits::merge(before, update);
    examine(merged);
    examineMerge(before, update, merged);
    expect(limits::merge(merged, update) == merged, "an update that does more the second time", limits::toText(update));
    if (!accepts([&] { limits::checkTogether(before); }) || !accepts([&] { limits::checkTogether(merged); })) return;
    limits::Context context;
    context.systemdVersion = 252;
    const Properties told = limits::planScope(before, context).properties;
    const limits::Standing standing = limits::standing(before, merged, context, asShown(told));
    expect(standing.others.empty(), "somebody else's change that nobody made", limits::toText(update));
    const Properties wanted = limits::planScope(merged, context).properties;
    const Properties back = limits::asBefore(wanted, asShown(told));
    examineProperties(back);
    examine(limits::emptiedBy(back, wanted));
}

} // namespace scopewright::fuzz
