// SPDX-License-Identifier: LGPL-2.1-or-later
#include "values.h"

#include "fuzz.h"
#include "limits/text.h"

#include <unistd.h>

#include <charconv>

namespace scopewright::fuzz {

namespace {

using Numbers = std::vector<std::pair<std::string, std::uint64_t>>;
using Texts = std::vector<std::pair<std::string, std::string>>;

Processes& processes() {
    static Processes given;
    return given;
}

std::uint32_t toProcess(std::string_view text) {
    constexpr std::uint64_t kMostPids = 4194304;
    const bool indexed = text.starts_with('$');
    const std::uint64_t number = toNumber(indexed ? text.substr(1) : text);
    if (!processes()) return indexed ? static_cast<std::uint32_t>(::getpid()) : static_cast<std::uint32_t>(number);
    const bool nobody = number <= 1 || number > kMostPids;
    return indexed || !nobody ? processes()(number) : static_cast<std::uint32_t>(number);
}

std::vector<std::string_view> items(std::string_view text) {
    return text.empty() ? std::vector<std::string_view>() : limits::split(text, ';');
}

template <class T, class Convert>
std::vector<T> numbers(std::string_view text, Convert convert) {
    std::vector<T> list;
    for (std::string_view item : items(text))
        list.push_back(static_cast<T>(convert(item)));
    return list;
}

std::pair<std::string, std::string> halves(std::string_view item) {
    const std::size_t bar = item.find('|');
    return {unescaped(item.substr(0, bar)),
            bar == std::string_view::npos ? std::string() : unescaped(item.substr(bar + 1))};
}

std::string_view takeWord(std::string_view& line) {
    const std::size_t blank = line.find(' ');
    const std::string_view word = line.substr(0, blank);
    line.remove_prefix(blank == std::string_view::npos ? line.size() : blank + 1);
    return word;
}

/// D-Bus has no string with a zero in it: whoever sends one is told so before anything arrives.
std::string withoutZeros(std::string text) {
    std::erase(text, '\0');
    return text;
}

} // namespace

void setProcesses(Processes given) {
    processes() = std::move(given);
}

std::uint64_t toNumber(std::string_view text) {
    if (text == "max") return UINT64_MAX;
    const bool negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);
    const std::uint64_t number = limits::parseNumber(text).value_or(0);
    return negative ? 0 - number : number;
}

Value toValue(std::string_view signature, std::string_view text) {
    if (signature == "b") return toNumber(text) != 0 || text == "true";
    if (signature == "i") return static_cast<std::int32_t>(toNumber(text));
    if (signature == "u") return static_cast<std::uint32_t>(toNumber(text));
    if (signature == "x") return static_cast<std::int64_t>(toNumber(text));
    if (signature == "t") return toNumber(text);
    if (signature == "s") return withoutZeros(unescaped(text));
    if (signature == "au") return numbers<std::uint32_t>(text, toProcess);
    if (signature == "ay") return numbers<std::uint8_t>(text, toNumber);
    if (signature == "ah") return BorrowedFds{std::vector<int>(items(text).size(), -1)};
    if (signature == "as") {
        std::vector<std::string> list;
        for (std::string_view item : items(text))
            list.push_back(withoutZeros(unescaped(item)));
        return list;
    }
    if (signature == "a(st)") {
        Numbers pairs;
        for (std::string_view item : items(text)) {
            const auto [name, number] = halves(item);
            pairs.emplace_back(withoutZeros(name), toNumber(number));
        }
        return pairs;
    }
    if (signature == "a(ss)" || signature == "a{ss}") {
        Texts pairs;
        for (std::string_view item : items(text)) {
            const auto [first, second] = halves(item);
            pairs.emplace_back(withoutZeros(first), withoutZeros(second));
        }
        return pairs;
    }
    return Unreadable{std::string(signature)};
}

Property toProperty(std::string_view line) {
    const std::string_view name = takeWord(line);
    const std::string_view signature = takeWord(line);
    return Property{withoutZeros(unescaped(name)), toValue(signature, line)};
}

Properties toProperties(std::string_view text) {
    Properties properties;
    for (std::string_view line : lines(text))
        if (!line.empty()) properties.push_back(toProperty(line));
    return properties;
}

} // namespace scopewright::fuzz
