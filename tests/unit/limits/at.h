// SPDX-License-Identifier: LGPL-2.1-or-later
// What a plan is made for in most tests: a version of systemd, and everything else as it is by default.
#pragma once

#include "limits/plan.h"

namespace scopewright::limits {

inline Context at(unsigned version, bool starting = true) {
    Context context;
    context.systemdVersion = version;
    context.starting = starting;
    return context;
}

} // namespace scopewright::limits
