// SPDX-License-Identifier: LGPL-2.1-or-later
// Which slice the configuration allows: a list of names and patterns, a line each, and in the last line the slice.
#include "fuzz.h"

#include "config/config.h"

namespace scopewright::fuzz {

namespace {

/// PID 1's rule, written once more: parts between single dashes, of what a unit's name may have.
bool isSlice(std::string_view text) {
    if (!text.ends_with(".slice") || text.size() > 255) return false;
    std::string_view stem = text.substr(0, text.size() - 6);
    for (;;) {
        const std::size_t dash = stem.find('-');
        const std::string_view part = stem.substr(0, dash);
        if (part.empty()) return false;
        for (char c : part)
            if (kAlphanumeric.find(c) == std::string_view::npos && c != ':' && c != '_' && c != '.' && c != '\\')
                return false;
        if (dash == std::string_view::npos) return true;
        stem.remove_prefix(dash + 1);
    }
}

void run(std::string_view input) {
    std::vector<std::string_view> list = lines(input);
    if (list.empty()) return;
    const std::string_view slice = list.back();
    list.pop_back();
    expect(config::isSliceName(slice) == isSlice(slice), "what a slice's name is", slice);

    config::Config config;
    config.allowedSlices.assign(list.begin(), list.end());
    bool named = slice == config.defaultSlice;
    for (std::string_view allowed : list) {
        const bool pattern = allowed.ends_with("*.slice");
        const std::string_view begin = allowed.substr(0, pattern ? allowed.size() - 7 : 0);
        named = named || slice == allowed || (pattern && slice.substr(0, begin.size()) == begin);
    }
    expect(config::allowsSlice(config, slice) == (named && isSlice(slice)), "what is allowed", input);
}

const Registration kTarget("slices", run);

} // namespace

} // namespace scopewright::fuzz
