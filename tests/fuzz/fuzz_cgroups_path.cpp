// SPDX-License-Identifier: LGPL-2.1-or-later
// OCI's cgroupsPath, and what the slice in it may be.
#include "fuzz.h"

#include "config/config.h"
#include "sandbox/names.h"

#include <algorithm>

namespace scopewright::fuzz {

namespace {

void run(std::string_view input) {
    sandbox::UnitPlace place;
    if (!accepts([&] { place = sandbox::parseCgroupsPath(input); })) return;
    expect(std::ranges::count(input, ':') == 2 && input.find('/') == std::string_view::npos, "a form", input);
    expect(accepts([&] { sandbox::checkUnitName(place.unit); }), "a unit that nobody may choose", input);
    const std::size_t first = input.find(':');
    const std::size_t second = input.find(':', first + 1);
    expect(place.slice == input.substr(0, first), "another slice", input);
    const std::string prefix(input.substr(first + 1, second - first - 1));
    const std::string name(input.substr(second + 1));
    expect(place.unit == (prefix.empty() ? name : prefix + "-" + name) + ".scope", "another unit", input);
    if (config::allowsSlice(config::Config(), place.slice))
        expect(place.slice == "scopewright.slice" || place.slice == "machine.slice" ||
                   place.slice.starts_with("kubepods"),
               "a slice that the defaults do not name", place.slice);
}

const Registration kTarget("cgroups_path", run);

} // namespace

} // namespace scopewright::fuzz
