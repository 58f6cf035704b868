// SPDX-License-Identifier: LGPL-2.1-or-later
#include "state/marks.h"

#include "base/error.h"
#include "state/text.h"

#include <sys/xattr.h>

#include <array>

namespace scopewright::state {

namespace {

constexpr const char* kAttribute = "user.scopewright.group";

/// What the kernel takes for one attribute.
constexpr std::size_t kLongestMark = 65536;

} // namespace

std::string toText(const Mark& mark) {
    std::string skipped;
    for (const auto& [key, cause] : mark.skipped)
        skipped += (skipped.empty() ? "" : ",") + key + ":" + cause;
    return seal("v=1 kind=" + mark.kind + " name=" + mark.name + " res=" + mark.resources + " skip=" + skipped);
}

std::optional<Mark> parseMark(std::string_view text) {
    const auto words = unseal(text);
    if (!words || !words->contains("v") || words->at("v") != "1") return std::nullopt;
    for (const char* key : {"kind", "name", "res", "skip"})
        if (!words->contains(key)) return std::nullopt;
    Mark mark{words->at("kind"), words->at("name"), words->at("res"), {}};
    std::string_view skipped = words->at("skip");
    while (!skipped.empty()) {
        const std::size_t comma = skipped.find(',');
        const std::string_view item = skipped.substr(0, comma);
        const std::size_t colon = item.find(':');
        if (colon == std::string_view::npos) return std::nullopt;
        mark.skipped.emplace_back(item.substr(0, colon), item.substr(colon + 1));
        skipped.remove_prefix(comma == std::string_view::npos ? skipped.size() : comma + 1);
    }
    return mark;
}

void setMark(int fd, const Mark& mark) {
    const std::string text = toText(mark);
    if (text.size() > kLongestMark)
        throw Error(ErrorCode::LimitsExceeded, "the resources of group " + quoted(mark.name) + " take " +
                                                   std::to_string(text.size()) + " bytes to remember, more than " +
                                                   std::to_string(kLongestMark));
    if (::fsetxattr(fd, kAttribute, text.data(), text.size(), 0) < 0)
        throw errnoError("mark group " + quoted(mark.name));
}

std::optional<Mark> readMark(int fd) {
    std::array<char, kLongestMark> buffer;
    const ssize_t size = ::fgetxattr(fd, kAttribute, buffer.data(), buffer.size());
    if (size < 0) return std::nullopt;
    return parseMark(std::string_view(buffer.data(), static_cast<std::size_t>(size)));
}

} // namespace scopewright::state
