// SPDX-License-Identifier: LGPL-2.1-or-later
#include "limits/properties.h"

#include <cassert>
#include <vector>

namespace scopewright::limits {

namespace {

using Row = std::vector<std::string>;

/// Columns as wide as their widest cell, the last one as it comes.
std::string align(const std::vector<Row>& rows) {
    std::vector<std::size_t> widths(rows.front().size());
    for (const Row& row : rows)
        for (std::size_t i = 0; i < row.size(); ++i)
            widths[i] = std::max(widths[i], row[i].size());
    std::string text;
    for (const Row& row : rows) {
        for (std::size_t i = 0; i + 1 < row.size(); ++i)
            text += row[i] + std::string(widths[i] - row[i].size() + 2, ' ');
        text += row.back() + "\n";
    }
    return text;
}

std::string orDash(std::string_view cell) {
    return cell.empty() ? "-" : std::string(cell);
}

std::string elsewhere(const PropertyRule& rule) {
    switch (rule.fallback) {
        case Fallback::LeafFile: return "payload/" + std::string(rule.file);
        case Fallback::ScopeFile: return std::string(rule.file);
        case Fallback::Refuse: return "skipped";
        case Fallback::Ignore: break;
    }
    return "nothing to set";
}

void addVerdict(Row& row, std::string_view cell, unsigned systemdVersion) {
    if (systemdVersion != 0) row.insert(row.begin(), std::string(cell));
}

} // namespace

const PropertyRule& rule(std::string_view key) {
    const auto* found = std::ranges::lower_bound(kProperties, key, {}, &PropertyRule::key);
    assert(found != kProperties.end() && found->key == key);
    return *found;
}

const PropertyRule* ruleOfFile(std::string_view file) {
    if (std::ranges::count(kProperties, file, &PropertyRule::file) != 1) return nullptr;
    return std::ranges::find(kProperties, file, &PropertyRule::file);
}

std::string tables(unsigned systemdVersion) {
    std::vector<Row> properties{{"RESOURCE", "PROPERTY", "TYPE", "SINCE", "CHANGE", "OTHERWISE"}};
    addVerdict(properties.front(), "HERE", systemdVersion);
    for (const PropertyRule& rule : kProperties) {
        const bool modelled = !rule.property.empty();
        Row row{std::string(rule.key),
                orDash(rule.property),
                orDash(rule.signature),
                modelled ? std::to_string(rule.since) : "-",
                !modelled                     ? "-"
                : rule.change == Change::Live ? "live"
                                              : "start",
                elsewhere(rule)};
        addVerdict(row, !modelled ? "-" : available(rule, systemdVersion) ? "yes" : "no", systemdVersion);
        properties.push_back(std::move(row));
    }
    std::vector<Row> features{{"FEATURE", "SINCE", "SYSTEMD"}};
    addVerdict(features.front(), "HERE", systemdVersion);
    for (const Feature& feature : kFeatures) {
        Row row{std::string(feature.name), std::to_string(feature.since), std::string(feature.what)};
        addVerdict(row, available(feature, systemdVersion) ? "yes" : "no", systemdVersion);
        features.push_back(std::move(row));
    }
    return align(properties) + "\n" + align(features);
}

} // namespace scopewright::limits
