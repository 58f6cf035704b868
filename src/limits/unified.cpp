// SPDX-License-Identifier: LGPL-2.1-or-later
#include "limits/unified.h"

#include "base/error.h"
#include "limits/block_io.h"
#include "limits/convert.h"
#include "limits/cpuset.h"
#include "limits/keyed.h"
#include "limits/limits.h"
#include "limits/text.h"

#include <algorithm>

namespace scopewright::limits {

namespace {

constexpr std::size_t kLongestKey = 128;
constexpr std::size_t kLongestValue = 4096;

std::uint64_t within(std::string_view key, std::string_view text, std::uint64_t least, std::uint64_t most) {
    const std::optional<std::uint64_t> number = parseNumber(text);
    if (!number || *number < least || *number > most)
        refuse(key, text, "is no number in " + std::to_string(least) + ".." + std::to_string(most));
    return *number;
}

template <class Line, class Parse>
std::vector<Line> parseLines(std::string_view text, Parse parse) {
    std::vector<Line> lines;
    for (std::string_view line : split(text, '\n'))
        lines.push_back(parse(line));
    return lines;
}

template <class Line, class Print>
std::string printLines(const std::vector<Line>& lines, Print print) {
    std::string text;
    for (const Line& line : lines)
        text += (text.empty() ? "" : "\n") + print(line);
    return text;
}

using Parser = std::string (*)(std::string_view key, std::string_view value);

std::string size(std::string_view key, std::string_view value) {
    return limitText(parseSize(key, value));
}

std::string zeroOrOne(std::string_view key, std::string_view value) {
    return std::to_string(within(key, value, 0, 1));
}

std::string number(std::string_view key, std::string_view value) {
    return std::to_string(within(key, value, 0, INT64_MAX));
}

std::string numberOrMax(std::string_view key, std::string_view value) {
    return value == "max" ? "max" : number(key, value);
}

std::string weight(std::string_view key, std::string_view value) {
    return std::to_string(within(key, value, 1, 10000));
}

std::string list(std::string_view key, std::string_view value) {
    return cpuListText(parseCpuList(key, value));
}

std::string partition(std::string_view key, std::string_view value) {
    if (value != "member" && value != "root" && value != "isolated")
        refuse(key, value, "is not member, root or isolated");
    return std::string(value);
}

std::string cpuMax(std::string_view, std::string_view value) {
    const CpuMax parsed = parseCpuMax(value);
    return cpuMaxText(parsed.quota, parsed.period);
}

std::string weights(std::string_view key, std::string_view value) {
    return printLines(parseWeights(key, value), [](const WeightLine& line) {
        return (line.device ? toText(*line.device) : "default") + " " +
               (line.weight == 0 ? "default" : std::to_string(line.weight));
    });
}

std::string ioMax(std::string_view, std::string_view value) {
    return printLines(parseIoMax(value), [](const IoMaxLine& line) {
        std::string text = toText(line.device);
        for (std::size_t i = 0; i < kIoLimits.size(); ++i)
            if (line.limits[i]) text += " " + std::string(kIoLimits[i]) + "=" + limitText(*line.limits[i]);
        return text;
    });
}

std::string ioLatency(std::string_view, std::string_view value) {
    return printLines(parseIoLatency(value), [](const IoLatencyLine& line) {
        return toText(line.device) + " target=" + std::to_string(line.target);
    });
}

std::string rdma(std::string_view key, std::string_view value) {
    return printLines(split(value, '\n'), [key](std::string_view line) {
        const std::size_t blank = line.find(' ');
        checkRdmaDevice(key, line.substr(0, blank));
        const std::string_view rest = blank == std::string_view::npos ? "" : line.substr(blank + 1);
        return std::string(line.substr(0, blank)) + " " + toText(parseRdmaLimit(key, rest));
    });
}

std::string misc(std::string_view key, std::string_view value) {
    return printLines(split(value, '\n'), [key](std::string_view line) {
        const std::vector<std::string_view> parts = words(line);
        if (parts.size() != 2) refuse(key, line, "is not 'RESOURCE N|max'");
        checkRdmaDevice(key, parts[0]);
        return std::string(parts[0]) + " " + numberOrMax(key, parts[1]);
    });
}

/// For files that nobody here knows: lines of visible words, written one at a time.
std::string plain(std::string_view key, std::string_view value) {
    return printLines(split(value, '\n'), [&](std::string_view line) {
        std::string text;
        for (std::string_view word : words(line)) {
            if (!std::ranges::all_of(word, [](char c) { return c > ' ' && c <= '~'; }))
                refuse(key, value, "has a character that is not printable ASCII");
            text += (text.empty() ? "" : " ") + std::string(word);
        }
        if (text.empty()) refuse(key, value, "has an empty line");
        return text;
    });
}

struct KnownFile {
    std::string_view file;
    Parser parser;
};

// clang-format off
constexpr std::array kKnown{
    KnownFile{"cpu.idle", zeroOrOne},               KnownFile{"cpu.max", cpuMax},
    KnownFile{"cpu.max.burst", number},             KnownFile{"cpu.weight", weight},
    KnownFile{"cpuset.cpus", list},                 KnownFile{"cpuset.cpus.exclusive", list},
    KnownFile{"cpuset.cpus.partition", partition},  KnownFile{"cpuset.mems", list},
    KnownFile{"io.bfq.weight", weights},            KnownFile{"io.latency", ioLatency},
    KnownFile{"io.max", ioMax},                     KnownFile{"io.weight", weights},
    KnownFile{"memory.high", size},                 KnownFile{"memory.low", size},
    KnownFile{"memory.max", size},                  KnownFile{"memory.min", size},
    KnownFile{"memory.oom.group", zeroOrOne},       KnownFile{"memory.swap.high", size},
    KnownFile{"memory.swap.max", size},             KnownFile{"memory.zswap.max", size},
    KnownFile{"memory.zswap.writeback", zeroOrOne}, KnownFile{"misc.max", misc},
    KnownFile{"pids.max", numberOrMax},             KnownFile{"rdma.max", rdma},
};
// clang-format on
static_assert(std::ranges::is_sorted(kKnown, {}, &KnownFile::file));

Parser parserOf(std::string_view key) {
    const auto* known = std::ranges::lower_bound(kKnown, key, {}, &KnownFile::file);
    if (known != kKnown.end() && known->file == key) return known->parser;
    if (key.starts_with("hugetlb.") && key.ends_with(".max")) return size;
    return plain;
}

} // namespace

void checkUnifiedKey(std::string_view key) {
    const std::size_t dot = key.find('.');
    const bool controller =
        dot != std::string_view::npos && dot > 0 && std::ranges::all_of(key.substr(0, dot), [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
        });
    const std::string_view rest = controller ? key.substr(dot + 1) : "";
    const bool file =
        !rest.empty() && rest.back() != '.' && rest.front() != '.' && rest.find("..") == std::string_view::npos &&
        std::ranges::all_of(rest, [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
        });
    if (!file || key.size() > kLongestKey) refuse("unified", key, "is no name of a file such as memory.high");
    if (key.starts_with("cgroup."))
        throw Error(ErrorCode::PropertyNotAllowed, "unified " + quoted(key) + " is not a resource: it runs the tree");
    // The kernel lets whoever writes to it work until so much memory is free, and that would be the daemon.
    if (key == "memory.reclaim")
        throw Error(ErrorCode::PropertyNotAllowed, "unified " + quoted(key) + " is not a resource: it is a command");
}

std::string unifiedValue(std::string_view key, std::string_view value) {
    if (value.ends_with('\n')) value.remove_suffix(1);
    if (value.size() > kLongestValue) refuse(key, value, "is longer than " + std::to_string(kLongestValue) + " bytes");
    return parserOf(key)(key, value);
}

std::string controllerOf(std::string_view file) {
    return std::string(file.substr(0, file.find('.')));
}

std::uint64_t parseSize(std::string_view key, std::string_view text) {
    if (text == "max") return kInfinity;
    constexpr std::string_view kSuffixes = "KMGTPE";
    const char last = text.empty() ? ' ' : text.back();
    const char upper = last >= 'a' && last <= 'z' ? static_cast<char>(last - 'a' + 'A') : last;
    const std::size_t suffix = kSuffixes.find(upper);
    const std::size_t shift = suffix == std::string_view::npos ? 0 : 10 * (suffix + 1);
    const std::optional<std::uint64_t> number = parseNumber(shift == 0 ? text : text.substr(0, text.size() - 1));
    if (!number || *number > static_cast<std::uint64_t>(INT64_MAX) >> shift)
        refuse(key, text, "is no size: bytes, or with K, M, G, T, P or E, or max");
    const std::uint64_t bytes = *number << shift;
    if (bytes > 0 && bytes < static_cast<std::uint64_t>(kPage))
        refuse(key, text, "is less than a page, which the kernel takes for 0");
    return bytes;
}

CpuMax parseCpuMax(std::string_view text) {
    constexpr const char* kKey = "cpu.max";
    const std::vector<std::string_view> parts = words(text);
    if (parts.empty() || parts.size() > 2) refuse(kKey, text, "is not 'QUOTA|max [PERIOD]'");
    CpuMax max;
    if (parts[0] != "max")
        max.quota =
            static_cast<std::int64_t>(within(kKey, parts[0], 1000, static_cast<std::uint64_t>(INT64_MAX) / 1000000));
    max.period = parts.size() == 2 ? static_cast<std::int64_t>(within(kKey, parts[1], 1000, 1000000)) : kDefaultPeriod;
    return max;
}

std::vector<WeightLine> parseWeights(std::string_view key, std::string_view text) {
    const std::uint64_t most = key == "io.bfq.weight" ? 1000 : 10000;
    return parseLines<WeightLine>(text, [&](std::string_view line) {
        const std::vector<std::string_view> parts = words(line);
        if (parts.empty() || parts.size() > 2) refuse(key, text, "is not 'default WEIGHT' or 'MAJOR:MINOR WEIGHT'");
        WeightLine parsed;
        if (parts.size() == 2 && parts[0] != "default") parsed.device = parseDeviceNumber(key, parts[0]);
        if (!parsed.device || parts.back() != "default") parsed.weight = within(key, parts.back(), 1, most);
        return parsed;
    });
}

std::vector<IoMaxLine> parseIoMax(std::string_view text) {
    constexpr const char* kKey = "io.max";
    return parseLines<IoMaxLine>(text, [&](std::string_view line) {
        const std::vector<std::string_view> parts = words(line);
        if (parts.size() < 2) refuse(kKey, line, "is not 'MAJOR:MINOR rbps=N wbps=N riops=N wiops=N'");
        IoMaxLine parsed;
        parsed.device = parseDeviceNumber(kKey, parts[0]);
        for (std::size_t i = 1; i < parts.size(); ++i) {
            const std::size_t equals = parts[i].find('=');
            const auto* limit = std::ranges::find(kIoLimits, parts[i].substr(0, equals));
            if (equals == std::string_view::npos || limit == kIoLimits.end())
                refuse(kKey, parts[i], "is not rbps=, wbps=, riops= or wiops=");
            const std::string_view value = parts[i].substr(equals + 1);
            parsed.limits[static_cast<std::size_t>(limit - kIoLimits.begin())] =
                value == "max" ? kInfinity : within(kKey, value, 2, UINT64_MAX - 1);
        }
        return parsed;
    });
}

std::vector<IoLatencyLine> parseIoLatency(std::string_view text) {
    constexpr const char* kKey = "io.latency";
    constexpr std::string_view kTarget = "target=";
    return parseLines<IoLatencyLine>(text, [&](std::string_view line) {
        const std::vector<std::string_view> parts = words(line);
        if (parts.size() != 2 || !parts[1].starts_with(kTarget)) refuse(kKey, line, "is not 'MAJOR:MINOR target=N'");
        return IoLatencyLine{parseDeviceNumber(kKey, parts[0]),
                             within(kKey, parts[1].substr(kTarget.size()), 0, INT64_MAX)};
    });
}

std::vector<DeviceNumber> devicesIn(std::string_view key, std::string_view text) {
    std::vector<DeviceNumber> devices;
    for (std::string_view line : split(text, '\n')) {
        const std::string_view subject = line.substr(0, line.find(' '));
        if (subject.find(':') != std::string_view::npos) devices.push_back(parseDeviceNumber(key, subject));
    }
    return devices;
}

} // namespace scopewright::limits
