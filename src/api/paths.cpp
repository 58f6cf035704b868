// SPDX-License-Identifier: LGPL-2.1-or-later
#include "api/paths.h"

#include "base/error.h"
#include "bus/bus.h"
#include "sandbox/policy.h"

#include <cstdlib>
#include <memory>

namespace scopewright::api {

namespace {

constexpr const char* kSandboxTemplate = "/org/scopewright1/sandbox/%";
constexpr const char* kGroupTemplate = "/org/scopewright1/sandbox/%/group/%";

using CString = std::unique_ptr<char, decltype(&std::free)>;

CString own(char* text) {
    return CString(text, &std::free);
}

std::optional<sandbox::Key> keyOfLabel(const char* label) {
    try {
        // Without a uid it is that of who runs the daemon.
        return sandbox::keyOf(label, sandbox::ownUid());
    } catch (const Error&) {
        return std::nullopt;
    }
}

} // namespace

std::string sandboxPath(const sandbox::Key& key) {
    char* path = nullptr;
    bus::check(sd_bus_path_encode_many(&path, kSandboxTemplate, sandbox::label(key).c_str()), "encode a path");
    return own(path).get();
}

std::string groupPath(const sandbox::Key& key, const std::string& group) {
    char* path = nullptr;
    bus::check(sd_bus_path_encode_many(&path, kGroupTemplate, sandbox::label(key).c_str(), group.c_str()),
               "encode a path");
    return own(path).get();
}

std::optional<sandbox::Key> parseSandboxPath(const char* path) {
    char* label = nullptr;
    if (sd_bus_path_decode_many(path, kSandboxTemplate, &label) <= 0) return std::nullopt;
    const std::optional<sandbox::Key> key = keyOfLabel(own(label).get());
    // A label can be escaped in more than one way; only one path is the object's.
    return key && sandboxPath(*key) == path ? key : std::nullopt;
}

std::optional<GroupAddress> parseGroupPath(const char* path) {
    char* label = nullptr;
    char* group = nullptr;
    if (sd_bus_path_decode_many(path, kGroupTemplate, &label, &group) <= 0) return std::nullopt;
    const CString ownedLabel = own(label);
    const CString ownedGroup = own(group);
    const std::optional<sandbox::Key> key = keyOfLabel(label);
    if (!key || groupPath(*key, group) != path) return std::nullopt;
    return GroupAddress{*key, group};
}

} // namespace scopewright::api
