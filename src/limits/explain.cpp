// SPDX-License-Identifier: LGPL-2.1-or-later
#include "limits/explain.h"

#include "base/error.h"
#include "limits/oci_json.h"
#include "limits/properties.h"
#include "limits/steps.h"
#include "limits/text.h"

#include <algorithm>

namespace scopewright::limits {

namespace {

/// Why this is a file although there is a property for it.
std::string whyFile(const Step& step, const Context& context) {
    for (const PropertyRule& rule : kProperties) {
        if (rule.file != step.file.file || rule.property.empty()) continue;
        if (!available(rule, context.systemdVersion))
            return std::string(rule.property) + " needs systemd " + std::to_string(rule.since);
        if (rule.change == Change::StartOnly && !context.starting)
            return std::string(rule.property) + " can only be given at the start";
        return std::string(rule.property) + " cannot say all of it";
    }
    return "PID 1 has no property for it";
}

ExplainRow row(const Step& step, const Context& context) {
    switch (step.kind) {
        case Step::Kind::Property:
            return {step.key, step.property.name, valueText(step.property.value), "property", ""};
        case Step::Kind::LeafFile:
            return {step.key, "payload/" + step.file.file, step.file.value, "file", whyFile(step, context)};
        case Step::Kind::ScopeFile: return {step.key, step.file.file, step.file.value, "file", whyFile(step, context)};
        case Step::Kind::Program:
            return {step.key, "payload", "", "file", "a device program: PID 1 has no words for all of these rules"};
        case Step::Kind::Skipped: return {step.key, "", "", "skipped", reason(Skip{step.key, step.cause})};
        case Step::Kind::Echo:
        case Step::Kind::Overridden: break;
    }
    return {step.key, "", "", "skipped", "unified stands in its place"};
}

/// Takes the field of `key` out again, so that the rest can be planned.
void forget(Resources& resources, std::string_view key) {
    for (const Field& field : kFields)
        if (field.key == key) (resources.*field.member).reset();
}

void explainInto(std::vector<ExplainRow>& rows, Resources resources, const Context& context) {
    for (const Conflict& conflict : conflicts(resources)) {
        rows.push_back({conflict.key, "", "", "refused", conflict.message});
        forget(resources, conflict.key);
    }
    for (const Step& step : planSteps(resources, context)) {
        if (step.kind == Step::Kind::Echo) continue;
        ExplainRow one = row(step, context);
        if (std::ranges::find(rows, one) == rows.end()) rows.push_back(std::move(one));
    }
    for (const Property& asked : toProperties(resources)) {
        const bool told = std::ranges::any_of(rows, [&](const ExplainRow& one) {
            return one.key == asked.name || one.key.starts_with(asked.name + ".");
        });
        if (!told) rows.push_back({asked.name, "", valueText(asked.value), "skipped", "nothing has to be set for it"});
    }
}

/// What cannot be read is a row, and the rest is merged.
Resources read(const Properties& request, std::vector<ExplainRow>& rows) {
    Resources resources;
    for (const Property& property : request) {
        const bool json = property.name == "resources";
        if (!json && !isResourceKey(property.name))
            throw Error(ErrorCode::PropertyNotAllowed, "property " + quoted(property.name) + " is not a resource");
        try {
            Resources one;
            if (!json)
                set(one, property.name, property.value);
            else if (const std::string* text = std::get_if<std::string>(&property.value))
                one = fromOciJson(*text);
            else
                throw Error(ErrorCode::InvalidArgument, "resources takes a value of type s");
            resources = merge(resources, one);
        } catch (const Error& error) {
            rows.push_back({property.name, "", json ? "" : valueText(property.value), "refused", error.what()});
        }
    }
    return resources;
}

} // namespace

std::vector<ExplainRow> explain(const Resources& resources, const Context& context) {
    std::vector<ExplainRow> rows;
    explainInto(rows, resources, context);
    return rows;
}

Resources readable(const Properties& request) {
    std::vector<ExplainRow> unused;
    return read(request, unused);
}

std::vector<ExplainRow> explain(const Properties& request, const Context& context) {
    std::vector<ExplainRow> rows;
    Resources resources = read(request, rows);
    explainInto(rows, std::move(resources), context);
    return rows;
}

} // namespace scopewright::limits
