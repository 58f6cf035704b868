// SPDX-License-Identifier: LGPL-2.1-or-later
// Resources as records, marks and intents have them: what a daemon reads that comes after, from whoever wrote it.
#include "examine.h"
#include "fuzz.h"
#include "limits/limits.h"

namespace scopewright::fuzz {

namespace {

void run(std::string_view input) {
    const std::optional<limits::Resources> resources = limits::fromText(input);
    if (!resources) return;
    examine(*resources);
}

const Registration kTarget("stored", run);

} // namespace

} // namespace scopewright::fuzz
