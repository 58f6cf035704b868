// SPDX-License-Identifier: LGPL-2.1-or-later
#include "state/text.h"

#include <array>
#include <cstdint>
#include <cstdio>

namespace scopewright::state {

namespace {

/// What eight bits at the end of the register make of it.
constexpr std::array<std::uint32_t, 256> crcTable() {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
        table[byte] = byte;
        for (int bit = 0; bit < 8; ++bit)
            table[byte] = (table[byte] >> 1) ^ ((table[byte] & 1) != 0 ? 0xedb88320U : 0U);
    }
    return table;
}

/// CRC-32 (IEEE 802.3).
std::uint32_t crc32(std::string_view text) {
    static constexpr std::array<std::uint32_t, 256> kTable = crcTable();
    std::uint32_t crc = 0xffffffff;
    for (char c : text)
        crc = (crc >> 8) ^ kTable[(crc ^ static_cast<unsigned char>(c)) & 255];
    return ~crc;
}

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::string_view kSeal = " crc=";
constexpr std::size_t kSealSize = kSeal.size() + 8;

} // namespace

std::string digest(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (char c : text)
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    char hex[17];
    std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(hash));
    return hex;
}

std::string seal(const std::string& fields) {
    char hex[9];
    std::snprintf(hex, sizeof hex, "%08x", crc32(fields));
    return fields + std::string(kSeal) + hex;
}

std::optional<std::map<std::string, std::string, std::less<>>> unseal(std::string_view line) {
    if (line.size() < kSealSize) return std::nullopt;
    std::string_view fields = line.substr(0, line.size() - kSealSize);
    if (seal(std::string(fields)) != line) return std::nullopt;
    std::map<std::string, std::string, std::less<>> words;
    while (!fields.empty()) {
        const std::size_t space = fields.find(' ');
        const std::string_view word = fields.substr(0, space);
        const std::size_t equals = word.find('=');
        if (equals == std::string_view::npos) return std::nullopt;
        words.emplace(word.substr(0, equals), word.substr(equals + 1));
        fields.remove_prefix(space == std::string_view::npos ? fields.size() : space + 1);
    }
    return words;
}

std::string toBase64(std::string_view bytes) {
    std::string text;
    std::uint32_t bits = 0;
    int have = 0;
    for (char c : bytes) {
        bits = bits << 8 | static_cast<unsigned char>(c);
        for (have += 8; have >= 6; have -= 6)
            text += kDigits[bits >> (have - 6) & 63];
    }
    if (have > 0) text += kDigits[bits << (6 - have) & 63];
    return text;
}

std::optional<std::string> fromBase64(std::string_view text) {
    std::string bytes;
    std::uint32_t bits = 0;
    int have = 0;
    for (char c : text) {
        const std::size_t digit = kDigits.find(c);
        if (digit == std::string_view::npos) return std::nullopt;
        bits = bits << 6 | static_cast<std::uint32_t>(digit);
        have += 6;
        if (have < 8) continue;
        have -= 8;
        bytes += static_cast<char>(bits >> have & 255);
    }
    if (toBase64(bytes) != text) return std::nullopt;
    return bytes;
}

} // namespace scopewright::state
