// SPDX-License-Identifier: LGPL-2.1-or-later
// OCI's unified map: a file's name in the first line, its value in the rest.
#include "fuzz.h"
#include "limits/block_io.h"
#include "limits/convert.h"
#include "limits/cpuset.h"
#include "limits/keyed.h"
#include "limits/limits.h"
#include "limits/unified.h"

namespace scopewright::fuzz {

namespace {

/// The parsers of the single files take every text, whichever file it was meant for.
void asEveryFile(std::string_view key, std::string_view value) {
    accepts([&] { limits::parseSize(key, value); });
    accepts([&] { limits::parseCpuMax(value); });
    accepts([&] { limits::parseWeights("io.weight", value); });
    accepts([&] { limits::parseWeights("io.bfq.weight", value); });
    accepts([&] { limits::parseIoMax(value); });
    accepts([&] { limits::parseIoLatency(value); });
    accepts([&] { limits::devicesIn(key, value); });
    accepts([&] { limits::parseDeviceNumber(key, value); });
    if (std::string size; accepts([&] { size = limits::hugepageSize(key, value); }))
        expect(limits::hugepageSize(key, size) == size, "a page size with two names", value);
    if (limits::RdmaLimit limit; accepts([&] { limit = limits::parseRdmaLimit(key, value); }))
        expect(limits::toText(limits::parseRdmaLimit(key, limits::toText(limit))) == limits::toText(limit), "rdma",
               value);
}

void run(std::string_view input) {
    const std::string_view key = takeLine(input);
    asEveryFile(key, input);
    if (!accepts([&] { limits::checkUnifiedKey(key); })) return;
    expect(isOf(key, std::string(kAlphanumeric) + "_.") && !key.starts_with('.') && !key.ends_with('.'), "a file", key);
    expect(!key.starts_with("cgroup.") && key.find("..") == std::string_view::npos, "a file that runs the tree", key);
    expect(limits::controllerOf(key).size() < key.size(), "a file without a controller", key);

    std::string printed;
    if (!accepts([&] { printed = limits::unifiedValue(key, input); })) return;
    for (std::string_view line : lines(printed))
        expect(isVisible(line), "a value that would be written", printed);
    expect(limits::unifiedValue(key, printed) == printed, "a value that is another one the second time", printed);
    for (std::string_view file : {"io.bfq.weight", "io.latency", "io.max", "io.weight"})
        if (key == file)
            expect(limits::devicesIn(key, printed).size() <= lines(printed).size(), "more devices than lines", printed);
}

const Registration kTarget("unified", run);

} // namespace

} // namespace scopewright::fuzz
