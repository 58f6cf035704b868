// SPDX-License-Identifier: LGPL-2.1-or-later
#include "limits/keyed.h"

#include "limits/text.h"

#include <algorithm>
#include <array>
#include <bit>

namespace scopewright::limits {

namespace {

struct Unit {
    std::string_view name;
    unsigned shift;
};
constexpr std::array kUnits{Unit{"GB", 30}, Unit{"MB", 20}, Unit{"KB", 10}};

/// The kernel's own lengths, less the byte at the end.
constexpr std::size_t kLongestRdmaName = 63;
constexpr std::size_t kLongestInterface = 15;

bool isNameCharacter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
}

/// The kernel counts in int and takes all it cannot hold for an error.
constexpr std::uint64_t kMostRdma = INT32_MAX;

std::uint32_t parseRdmaNumber(std::string_view key, std::string_view text, std::string_view number) {
    if (number == "max") return UINT32_MAX;
    const std::optional<std::uint64_t> parsed = parseNumber(number);
    if (!parsed || *parsed > UINT32_MAX) refuse(key, text, "has a number that is neither 'max' nor below 2^32");
    return *parsed >= kMostRdma ? UINT32_MAX : static_cast<std::uint32_t>(*parsed);
}

std::string rdmaNumber(std::uint32_t number) {
    return number >= kMostRdma ? "max" : std::to_string(number);
}

} // namespace

std::string hugepageSize(std::string_view key, std::string_view text) {
    for (const Unit& unit : kUnits) {
        if (!text.ends_with(unit.name)) continue;
        const std::optional<std::uint64_t> number = parseNumber(text.substr(0, text.size() - unit.name.size()));
        constexpr std::uint64_t kMostOfAUnit = 1U << 20;
        if (!number || !std::has_single_bit(*number) || *number > kMostOfAUnit) break;
        const std::uint64_t bytes = *number << unit.shift;
        for (const Unit& own : kUnits)
            if (bytes >> own.shift != 0) return std::to_string(bytes >> own.shift) + std::string(own.name);
    }
    refuse(key, text, "is no page size such as 64KB, 2MB or 1GB");
}

void checkRdmaDevice(std::string_view key, std::string_view name) {
    if (name.empty() || name.size() > kLongestRdmaName || !std::ranges::all_of(name, isNameCharacter))
        refuse(key, name, "is no name of an RDMA device");
}

void checkInterface(std::string_view key, std::string_view name) {
    const bool visible = std::ranges::all_of(name, [](char c) { return c > ' ' && c <= '~' && c != '/' && c != ':'; });
    if (name.empty() || name.size() > kLongestInterface || !visible || name == "." || name == "..")
        refuse(key, name, "is no name of a network interface");
}

RdmaLimit parseRdmaLimit(std::string_view key, std::string_view text) {
    constexpr std::string_view kHandle = "hca_handle=";
    constexpr std::string_view kObject = "hca_object=";
    RdmaLimit limit;
    for (std::string_view word : words(text)) {
        if (word.starts_with(kHandle) && !limit.handles)
            limit.handles = parseRdmaNumber(key, text, word.substr(kHandle.size()));
        else if (word.starts_with(kObject) && !limit.objects)
            limit.objects = parseRdmaNumber(key, text, word.substr(kObject.size()));
        else
            refuse(key, text, "is not 'hca_handle=N', 'hca_object=N' or both");
    }
    if (!limit.handles && !limit.objects) refuse(key, text, "has neither hca_handle=N nor hca_object=N");
    return limit;
}

std::string toText(const RdmaLimit& limit) {
    std::string text;
    if (limit.handles) text += "hca_handle=" + rdmaNumber(*limit.handles);
    if (limit.objects) text += (text.empty() ? "" : " ") + std::string("hca_object=") + rdmaNumber(*limit.objects);
    return text;
}

} // namespace scopewright::limits
