// SPDX-License-Identifier: LGPL-2.1-or-later
#include "limits/text.h"

#include "base/error.h"
#include "limits/cpuset.h"
#include "limits/resources.h"

#include <charconv>

namespace scopewright::limits {

namespace {

struct ToText {
    std::string operator()(bool value) const { return value ? "true" : "false"; }
    std::string operator()(std::int32_t value) const { return std::to_string(value); }
    std::string operator()(std::uint32_t value) const { return std::to_string(value); }
    std::string operator()(std::int64_t value) const { return std::to_string(value); }
    std::string operator()(std::uint64_t value) const {
        return value == kInfinity ? "infinity" : std::to_string(value);
    }
    std::string operator()(const std::string& value) const { return printable(value); }
    std::string operator()(const std::vector<std::uint8_t>& mask) const { return cpuListText(mask); }
    std::string operator()(const BorrowedFds&) const { return "descriptors"; }
    std::string operator()(const Unreadable& value) const { return "of type " + value.signature; }
    template <class T>
    std::string operator()(const std::vector<T>& list) const {
        std::string text;
        for (const T& one : list)
            text += (text.empty() ? "" : ", ") + (*this)(one);
        return text;
    }
    template <class T>
    std::string operator()(const std::pair<std::string, T>& pair) const {
        return printable(pair.first) + " " + (*this)(pair.second);
    }
};

} // namespace

void refuse(std::string_view key, std::string_view value, const std::string& why) {
    throw Error(ErrorCode::InvalidArgument, printable(key) + " " + quoted(value) + " " + why);
}

std::optional<std::uint64_t> parseNumber(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

std::vector<std::string_view> split(std::string_view text, char by) {
    std::vector<std::string_view> pieces;
    for (;;) {
        const std::size_t at = text.find(by);
        pieces.push_back(text.substr(0, at));
        if (at == std::string_view::npos) return pieces;
        text.remove_prefix(at + 1);
    }
}

std::vector<std::string_view> words(std::string_view line) {
    std::vector<std::string_view> found;
    for (std::string_view piece : split(line, ' '))
        if (!piece.empty()) found.push_back(piece);
    return found;
}

std::string limitText(std::uint64_t value) {
    return value == kInfinity ? "max" : std::to_string(value);
}

std::string valueText(const Value& value) {
    return std::visit(ToText(), value);
}

} // namespace scopewright::limits
