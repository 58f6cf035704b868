// SPDX-License-Identifier: LGPL-2.1-or-later
#include "fuzz.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>

namespace scopewright::fuzz {

namespace {

/// reliable to show in a terminal, beside what surrounds it
constexpr std::size_t kLongestMessage = 260;

} // namespace

std::vector<Target>& targets() {
    static std::vector<Target> registered;
    return registered;
}

void fail(const std::string& what, std::string_view text) {
    std::string shown;
    for (char c : text) {
        char escape[5];
        std::snprintf(escape, sizeof escape, "\\x%02x", static_cast<unsigned char>(c));
        shown += c >= ' ' && c <= '~' && c != '\\' ? std::string(1, c) : std::string(escape);
    }
    std::fprintf(stderr, "finding: %s: '%s'\n", what.c_str(), shown.c_str());
    std::abort();
}

bool isVisible(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

void checkMessage(std::string_view message) {
    expect(!message.empty(), "an error without a message", message);
    expect(isVisible(message), "an error's message that is not printable ASCII", message);
    expect(message.size() <= kLongestMessage, "an error's message that is too long", message);
}

std::string_view takeLine(std::string_view& text) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return line;
}

std::vector<std::string_view> lines(std::string_view text) {
    std::vector<std::string_view> found;
    while (!text.empty())
        found.push_back(takeLine(text));
    return found;
}

std::string unescaped(std::string_view text) {
    std::string plain;
    while (!text.empty()) {
        const char c = text.front();
        const char next = text.size() > 1 ? text[1] : '\0';
        unsigned char code = 0;
        std::size_t used = 1;
        if (c == '\\' && (next == 'n' || next == '\\')) {
            plain += next == 'n' ? '\n' : '\\';
            used = 2;
        } else if (c == '\\' && next == 'x' && text.size() >= 4 &&
                   std::from_chars(text.data() + 2, text.data() + 4, code, 16).ptr == text.data() + 4) {
            plain += static_cast<char>(code);
            used = 4;
        } else {
            plain += c;
        }
        text.remove_prefix(used);
    }
    return plain;
}

} // namespace scopewright::fuzz
