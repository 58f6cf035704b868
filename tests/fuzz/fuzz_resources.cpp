// SPDX-License-Identifier: LGPL-2.1-or-later
// Resources by their dotted keys, a line each (see values.h); after an empty line, an update of them.
#include "examine.h"
#include "fuzz.h"
#include "limits/explain.h"
#include "limits/limits.h"
#include "limits/text.h"
#include "values.h"

namespace scopewright::fuzz {

namespace {

limits::Resources read(std::string_view text) {
    limits::Resources resources;
    for (const Property& property : toProperties(text))
        if (accepts([&] { limits::set(resources, property.name, property.value); }))
            expect(limits::isResourceKey(property.name), "a resource that is not in the table", property.name);
    return resources;
}

void run(std::string_view input) {
    const std::size_t gap = input.find("\n\n");
    const std::string_view first = input.substr(0, gap);
    const limits::Resources before = read(first);
    examine(before);
    if (gap != std::string_view::npos) examineUpdate(before, read(input.substr(gap + 2)));

    const Properties request = toProperties(first);
    accepts([&] {
        for (const limits::ExplainRow& row : limits::explain(request, limits::Context{257}))
            expect(isVisible(row.key) && isVisible(row.reason) && isVisible(row.target), "a row of Explain",
                   row.reason);
    });
    accepts([&] { limits::readable(request); });
}

const Registration kTarget("resources", run);

} // namespace

} // namespace scopewright::fuzz
