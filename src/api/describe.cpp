// SPDX-License-Identifier: LGPL-2.1-or-later
#include "api/describe.h"

#include "api/paths.h"
#include "limits/properties.h"

#include <nlohmann/json.hpp>

namespace scopewright::api {

namespace {

using Json = nlohmann::ordered_json;

/// Numbers, booleans and texts as they are, pairs as two-element arrays: for devices their order counts.
struct ToJson {
    template <class T>
    Json operator()(const T& value) const {
        return value;
    }
    Json operator()(const BorrowedFds&) const { return nullptr; }
    Json operator()(const Unreadable&) const { return nullptr; }
};

Json describe(const limits::Resources& resources) {
    Json json = Json::object();
    for (const Property& resource : limits::toProperties(resources))
        json[resource.name] = std::visit(ToJson(), resource.value);
    return json;
}

Json describe(const std::vector<limits::Skip>& skips) {
    Json json = Json::array();
    for (const limits::Skip& skip : skips)
        json.push_back(Json{{"Key", skip.key}, {"Reason", limits::reason(skip)}, {"Since", limits::since(skip)}});
    return json;
}

Json describe(const sandbox::Group& group) {
    return Json{{"Name", group.name},
                {"Kind", group.kind},
                {"ControlGroup", group.controlGroup},
                {"Resources", describe(group.resources)},
                {"Skipped", describe(group.skipped)}};
}

Json describe(const std::vector<limits::Override>& overrides) {
    Json json = Json::array();
    for (const limits::Override& one : overrides)
        json.push_back(Json{{"Property", one.property}, {"Value", one.value}, {"Asked", one.asked}});
    return json;
}

Json describe(const sandbox::Sandbox& sandbox, const std::vector<limits::Override>& overrides) {
    Json groups = Json::array();
    for (const auto& [name, group] : sandbox.groups)
        groups.push_back(describe(group));
    return Json{{"Id", sandbox.key.id},
                {"OwnerUID", sandbox.key.uid},
                {"Object", sandboxPath(sandbox.key)},
                {"Unit", sandbox.unit},
                {"Slice", sandbox.slice},
                {"ControlGroup", sandbox.controlGroup},
                {"State", sandbox::toString(sandbox.state)},
                {"Resources", describe(sandbox.resources)},
                {"Skipped", describe(sandbox.skipped)},
                {"Overridden", describe(overrides)},
                {"Groups", std::move(groups)}};
}

} // namespace

std::string describe(const Context& context, const std::vector<sandbox::Key>& keys,
                     const sandbox::Enforcer::Overrides& overrides) {
    const std::map<sandbox::Key, sandbox::Sandbox>& all = context.sandboxes.registry().all();
    Json sandboxes = Json::array();
    for (const sandbox::Key& key : keys) {
        const auto sandbox = all.find(key);
        const auto changed = overrides.find(key);
        if (sandbox == all.end()) continue;
        sandboxes.push_back(
            describe(sandbox->second, changed == overrides.end() ? std::vector<limits::Override>() : changed->second));
    }
    const Json json{{"Version", SCOPEWRIGHT_VERSION},
                    {"SystemdVersion", context.systemdVersion},
                    {"CgroupMode", "unified"},
                    {"Controllers", context.sandboxes.controllers()},
                    {"Features", features(context.systemdVersion)},
                    {"Sandboxes", std::move(sandboxes)}};
    return json.dump();
}

std::vector<std::string> features(unsigned systemdVersion) {
    std::vector<std::string> names;
    for (const limits::Feature& feature : {limits::kPidFds})
        if (limits::available(feature, systemdVersion)) names.emplace_back(feature.name);
    return names;
}

} // namespace scopewright::api
