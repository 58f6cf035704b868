// SPDX-License-Identifier: LGPL-2.1-or-later
// The marks of groups, the line that all marks share, and base64.
#include "fuzz.h"

#include "state/marks.h"
#include "state/text.h"

namespace scopewright::fuzz {

namespace {

void asMark(const std::string& text) {
    const std::optional<state::Mark> mark = state::parseMark(text);
    if (!mark) return;
    expect(state::unseal(text).has_value(), "a mark without a seal", text);
    const std::optional<state::Mark> again = state::parseMark(state::toText(*mark));
    expect(again && *again == *mark, "a mark that does not stay", text);
}

void asSealed(const std::string& fields) {
    const std::string line = state::seal(fields);
    const auto words = state::unseal(line);
    const bool shaped = fields.find('=') != std::string::npos || fields.empty();
    expect(!words || shaped, "words without a value", fields);
    std::string torn = line;
    torn.back() = torn.back() == '0' ? '1' : '0';
    expect(!state::unseal(torn), "a seal that is broken", torn);
    expect(!state::unseal(line.substr(0, line.size() - 1)), "a seal that was cut off", line);
}

void asBase64(std::string_view text) {
    const std::string encoded = state::toBase64(text);
    expect(isOf(encoded, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), "digits", encoded);
    expect(state::fromBase64(encoded) == std::string(text), "bytes that do not stay", text);
    if (const std::optional<std::string> bytes = state::fromBase64(text))
        expect(state::toBase64(*bytes) == text, "bytes with two names", text);
}

void run(std::string_view input) {
    const std::string text(input);
    asMark(text);
    asMark(state::seal(text));
    asSealed(text);
    asBase64(text);
}

const Registration kTarget("marks", run);

} // namespace

} // namespace scopewright::fuzz
