// SPDX-License-Identifier: LGPL-2.1-or-later
// Everything as JSON, for people, scripts and bug reports.
#pragma once

#include "api/context.h"

#include <sys/types.h>

#include <string>
#include <vector>

namespace scopewright::api {

/// What `viewer` may see.
std::string describe(const Context& context, uid_t viewer);

/// Names of the behaviours of the running systemd that this daemon makes use of.
std::vector<std::string> features(unsigned systemdVersion);

} // namespace scopewright::api
