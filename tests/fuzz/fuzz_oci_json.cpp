// SPDX-License-Identifier: LGPL-2.1-or-later
// linux.resources as runtimes send it.
#include "examine.h"
#include "fuzz.h"
#include "limits/limits.h"
#include "limits/oci_json.h"

namespace scopewright::fuzz {

namespace {

void run(std::string_view input) {
    limits::Resources resources;
    if (!accepts([&] { resources = limits::fromOciJson(input); })) return;
    examine(resources);
}

const Registration kTarget("oci_json", run);

} // namespace

} // namespace scopewright::fuzz
