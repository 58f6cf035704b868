// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cgroup/path.h"

#include "base/error.h"

#include <algorithm>
#include <array>

namespace scopewright::cgroup {

namespace {

bool isLowerOrDigit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool looksLikeInterfaceFile(std::string_view name) {
    const std::size_t dot = name.find('.');
    if (dot == std::string_view::npos) return false;
    constexpr std::array<std::string_view, 3> kUnitSuffixes{".scope", ".service", ".slice"};
    if (std::ranges::any_of(kUnitSuffixes, [&](std::string_view suffix) { return name.ends_with(suffix); }))
        return name.substr(0, dot) == "cgroup";
    return std::ranges::all_of(name.substr(0, dot), [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

} // namespace

void checkGroupName(std::string_view name) {
    const auto refuse = [&](const char* why) {
        throw Error(ErrorCode::InvalidArgument, "group name " + quoted(name) + " " + why);
    };
    if (name.empty()) refuse("is empty");
    if (name.size() > kLongestName) refuse("is longer than 128 bytes");
    if (!isLowerOrDigit(name.front())) refuse("does not begin with one of a-z 0-9");
    const auto allowed = [](char c) { return isLowerOrDigit(c) || c == '_' || c == '.' || c == ':' || c == '-'; };
    if (!std::ranges::all_of(name, allowed)) refuse("has a character other than a-z 0-9 _ . : -");
    if (looksLikeInterfaceFile(name)) refuse("could be the name of a kernel file in the group");
}

std::vector<std::string> components(std::string_view controlGroup) {
    const auto refuse = [&] {
        throw Error(ErrorCode::Io, "control group " + quoted(controlGroup) + " is not a path below the root");
    };
    if (controlGroup.size() < 2 || controlGroup.front() != '/') refuse();
    std::vector<std::string> parts;
    std::string_view rest = controlGroup.substr(1);
    for (;;) {
        const std::size_t slash = rest.find('/');
        const std::string_view part = rest.substr(0, slash);
        if (part.empty() || part == "." || part == ".." || part.size() > 255) refuse();
        parts.emplace_back(part);
        if (slash == std::string_view::npos) return parts;
        rest.remove_prefix(slash + 1);
    }
}

bool contains(std::string_view ancestor, std::string_view path) {
    return path.starts_with(ancestor) && (path.size() == ancestor.size() || path[ancestor.size()] == '/');
}

} // namespace scopewright::cgroup
