// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sandbox/names.h"

#include "base/error.h"
#include "sandbox/policy.h"

#include <algorithm>
#include <charconv>

namespace scopewright::sandbox {

namespace {

constexpr std::size_t kLongestId = 64;
constexpr std::size_t kLongestUnit = 255;
constexpr std::string_view kSuffix = ".scope";
constexpr std::string_view kOwnPrefix = "scopewright-";

/// "scopewright-" + ten digits + "-" + id + ".scope" is always a valid unit name.
static_assert(kOwnPrefix.size() + 10 + 1 + kLongestId + kSuffix.size() <= kLongestUnit);

bool isLowerOrDigit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool isUnitCharacter(char c) {
    return isLowerOrDigit(c) || (c >= 'A' && c <= 'Z') || c == ':' || c == '_' || c == '.' || c == '-';
}

} // namespace

void checkId(std::string_view id) {
    const auto refuse = [&](const char* why) {
        throw Error(ErrorCode::InvalidArgument, "sandbox id " + quoted(id) + " " + why);
    };
    if (id.empty()) refuse("is empty");
    if (id.size() > kLongestId) refuse("is longer than 64 bytes");
    if (!isLowerOrDigit(id.front())) refuse("does not begin with one of a-z 0-9");
    const auto allowed = [](char c) { return isLowerOrDigit(c) || c == '_' || c == '.' || c == '-'; };
    if (!std::ranges::all_of(id, allowed)) refuse("has a character other than a-z 0-9 _ . -");
}

std::string label(const Key& key) {
    return isAdministrator(key.uid) ? key.id : std::to_string(key.uid) + ":" + key.id;
}

Key keyOf(std::string_view text, uid_t uid) {
    Key key{uid, std::string(text)};
    if (const std::size_t colon = text.find(':'); colon != std::string_view::npos) {
        const auto [end, error] = std::from_chars(text.data(), text.data() + colon, key.uid);
        const bool canonical = text.substr(0, colon) == std::to_string(key.uid);
        if (error != std::errc() || end != text.data() + colon || !canonical)
            throw Error(ErrorCode::InvalidArgument, "sandbox " + quoted(text) + " is neither an id nor <uid>:<id>");
        key.id = text.substr(colon + 1);
    }
    checkId(key.id);
    return key;
}

std::string defaultUnit(const Key& key) {
    return std::string(kOwnPrefix) + std::to_string(key.uid) + "-" + key.id + std::string(kSuffix);
}

bool isDefaultUnit(std::string_view unit) {
    return unit.starts_with(kOwnPrefix) && unit.ends_with(kSuffix);
}

std::string slicePath(std::string_view slice) {
    std::string path;
    for (std::size_t dash = slice.find('-', 1); dash != std::string_view::npos; dash = slice.find('-', dash + 1))
        path += "/" + std::string(slice.substr(0, dash)) + ".slice";
    return path + "/" + std::string(slice);
}

void checkUnitName(std::string_view unit) {
    const auto refuse = [&](const char* why) {
        throw Error(ErrorCode::InvalidArgument, "unit name " + quoted(unit) + " " + why);
    };
    if (!unit.ends_with(kSuffix) || unit.size() == kSuffix.size()) refuse("is not the name of a scope");
    if (unit.size() > kLongestUnit) refuse("is longer than 255 bytes");
    if (unit.front() == '-' || unit.front() == '.' || unit.front() == ':') refuse("begins with a punctuation mark");
    if (!std::ranges::all_of(unit, isUnitCharacter)) refuse("has a character other than A-Z a-z 0-9 : _ . -");
    if (unit == "init.scope" || unit.starts_with("session-")) refuse("is one of systemd's own");
    if (isDefaultUnit(unit)) refuse("is of the form that sandboxes without a UnitName get");
}

std::string sliceOf(const std::string& controlGroup) {
    const std::size_t end = controlGroup.rfind('/');
    const std::size_t start = end == 0 ? std::string::npos : controlGroup.rfind('/', end - 1);
    return start == std::string::npos ? "-.slice" : controlGroup.substr(start + 1, end - start - 1);
}

UnitPlace parseCgroupsPath(std::string_view path) {
    const std::size_t first = path.find(':');
    const std::size_t second = first == std::string_view::npos ? first : path.find(':', first + 1);
    if (second == std::string_view::npos || path.find(':', second + 1) != std::string_view::npos ||
        path.find('/') != std::string_view::npos)
        throw Error(ErrorCode::InvalidArgument, "CgroupsPath " + quoted(path) +
                                                    " is not of the form slice:prefix:name (other forms are not "
                                                    "supported yet)");
    const std::string_view prefix = path.substr(first + 1, second - first - 1);
    const std::string name(path.substr(second + 1));
    UnitPlace place{std::string(path.substr(0, first)),
                    (prefix.empty() ? "" : std::string(prefix) + "-") + name + std::string(kSuffix)};
    if (name.empty()) throw Error(ErrorCode::InvalidArgument, "CgroupsPath " + quoted(path) + " has no name");
    checkUnitName(place.unit);
    return place;
}

} // namespace scopewright::sandbox
