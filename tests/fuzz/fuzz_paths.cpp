// SPDX-License-Identifier: LGPL-2.1-or-later
// Object paths: at most one is the path of a sandbox or of a group, and it is the one that we print.
#include "fuzz.h"

#include "api/paths.h"
#include "cgroup/path.h"

namespace scopewright::fuzz {

namespace {

void asPath(const std::string& path) {
    const std::optional<sandbox::Key> key = api::parseSandboxPath(path.c_str());
    const std::optional<api::GroupAddress> group = api::parseGroupPath(path.c_str());
    expect(!key || !group, "a path that is a sandbox's and a group's", path);
    if (key) {
        expect(accepts([&] { sandbox::checkId(key->id); }), "a sandbox with an id that is none", path);
        expect(api::sandboxPath(*key) == path, "another path of a sandbox", path);
    }
    if (group) {
        expect(accepts([&] { sandbox::checkId(group->key.id); }), "a group in a sandbox that is none", path);
        expect(api::groupPath(group->key, group->group) == path, "another path of a group", path);
    }
}

/// What is a name leads to its path and back.
void asNames(std::string_view label, std::string_view group) {
    sandbox::Key key;
    if (!accepts([&] { key = sandbox::keyOf(label, 1000); })) return;
    const std::optional<sandbox::Key> found = api::parseSandboxPath(api::sandboxPath(key).c_str());
    expect(found && *found == key, "a sandbox that its path does not lead to", label);
    if (!accepts([&] { cgroup::checkGroupName(group); })) return;
    const std::string name(group);
    const std::optional<api::GroupAddress> address = api::parseGroupPath(api::groupPath(key, name).c_str());
    expect(address && address->key == key && address->group == name, "a group that its path does not lead to", group);
}

void run(std::string_view input) {
    std::string_view rest = input;
    const std::string_view first = takeLine(rest);
    // As it comes in a message: without a zero.
    const std::string path(first.substr(0, first.find('\0')));
    asPath(path);
    asPath(api::kSandboxPrefix + ("/" + path));
    asNames(first, rest);
}

const Registration kTarget("paths", run);

} // namespace

} // namespace scopewright::fuzz
