// SPDX-License-Identifier: LGPL-2.1-or-later
// What a fuzz target is, and how it says that something is wrong.
#pragma once

#include "base/error.h"

#include <string>
#include <string_view>
#include <vector>

namespace scopewright::fuzz {

struct Target {
    const char* name; ///< of the program, and of its folder in the corpus
    void (*run)(std::string_view input);
    std::string (*whyNot)(); ///< why it cannot run here; empty if it can
};

/// All of them.
std::vector<Target>& targets();

struct Registration {
    Registration(const char* name, void (*run)(std::string_view), std::string (*whyNot)() = nullptr) {
        targets().push_back({name, run, whyNot});
    }
};

/// Ends the program with a line that says what is wrong with which text: the one way to report a finding.
[[noreturn]] void fail(const std::string& what, std::string_view text);

inline void expect(bool holds, const char* what, std::string_view text) {
    if (!holds) fail(what, text);
}

/// ASCII that can be seen, and blanks: no line break, no control character.
bool isVisible(std::string_view text);

/// Every byte is one of `characters`.
inline bool isOf(std::string_view text, std::string_view characters) {
    return text.find_first_not_of(characters) == std::string_view::npos;
}

inline constexpr std::string_view kLower = "abcdefghijklmnopqrstuvwxyz0123456789";
inline constexpr std::string_view kAlphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// What a caller gets to read of an error: one visible line that is not too long.
void checkMessage(std::string_view message);

/// Whether `act` accepts its input. It may refuse with Error and a message that is fit to be read, and nothing else.
template <class Act>
bool accepts(Act act) {
    try {
        act();
        return true;
    } catch (const Error& error) {
        checkMessage(error.what());
        return false;
    }
}

/// Takes the first line off `text`.
std::string_view takeLine(std::string_view& text);

/// The lines of a text, empty ones too, but none for an end of line at the end.
std::vector<std::string_view> lines(std::string_view text);

/// "\n", "\\" and "\x07" as what they mean, so that a corpus can be read and written by people.
std::string unescaped(std::string_view text);

} // namespace scopewright::fuzz
