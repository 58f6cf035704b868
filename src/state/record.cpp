// SPDX-License-Identifier: LGPL-2.1-or-later
#include "state/record.h"

#include "state/text.h"

#include <algorithm>
#include <charconv>

namespace scopewright::state {

namespace {

constexpr std::string_view kOpening = "[scopewright ";
constexpr std::string_view kVersion = "1";

std::optional<unsigned> toNumber(std::string_view text) {
    unsigned number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

} // namespace

std::string describe(std::string_view words, const Record& record) {
    std::string fields = "v=" + std::string(kVersion) + " id=" + record.id + " uid=" + std::to_string(record.uid) +
                         " unit=" + record.unit + " tok=" + record.token + " req=" + record.request;
    if (record.user) fields += " user=" + std::to_string(*record.user);
    if (record.group) fields += " group=" + std::to_string(*record.group);
    if (record.adopted) fields += " adopted=1";
    if (!record.resources.empty()) fields += " res=" + toBase64(record.resources);
    return std::string(words) + " " + std::string(kOpening) + seal(fields) + "]";
}

ReadRecord readRecord(std::string_view description) {
    const std::size_t start = description.rfind(kOpening);
    if (start == std::string_view::npos) return {};
    std::string_view line = description.substr(start + kOpening.size());
    if (!line.ends_with(']')) return {RecordState::Corrupt, {}};
    line.remove_suffix(1);
    const auto words = unseal(line);
    if (!words || !words->contains("v")) return {RecordState::Corrupt, {}};
    if (words->at("v") != kVersion) return {RecordState::Newer, {}};
    for (const char* key : {"id", "uid", "unit", "tok", "req"})
        if (!words->contains(key)) return {RecordState::Corrupt, {}};
    const std::optional<unsigned> uid = toNumber(words->at("uid"));
    if (!uid || words->at("id").empty()) return {RecordState::Corrupt, {}};
    Record record;
    record.id = words->at("id");
    record.uid = *uid;
    record.unit = words->at("unit");
    record.token = words->at("tok");
    record.request = words->at("req");
    record.adopted = words->contains("adopted");
    if (auto resources = words->find("res"); resources != words->end()) {
        const std::optional<std::string> text = fromBase64(resources->second);
        if (!text) return {RecordState::Corrupt, {}};
        record.resources = *text;
    }
    if (auto user = words->find("user"); user != words->end()) record.user = toNumber(user->second);
    if (auto group = words->find("group"); group != words->end()) record.group = toNumber(group->second);
    return {RecordState::Ours, record};
}

bool isPlain(std::string_view text) {
    return std::ranges::all_of(text, [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               std::string_view(" =:._-").find(c) != std::string_view::npos;
    });
}

} // namespace scopewright::state
