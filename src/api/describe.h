// SPDX-License-Identifier: LGPL-2.1-or-later
// Everything as JSON, for people, scripts and bug reports.
#pragma once

#include "api/context.h"

#include <sys/types.h>

#include <string>
#include <vector>

namespace scopewright::api {

/// Everything about the daemon, and about those sandboxes that are (still) there.
std::string describe(const Context& context, const std::vector<sandbox::Key>& keys,
                     const sandbox::Enforcer::Overrides& overrides);

/// Names of the behaviours of the running systemd that this daemon makes use of.
std::vector<std::string> features(unsigned systemdVersion);

} // namespace scopewright::api
