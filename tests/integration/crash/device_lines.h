// SPDX-License-Identifier: LGPL-2.1-or-later
// The device programs of a control group.
#pragma once

#include <string>

namespace scopewright::integration {

/// What the kernel calls the programs' content; "" if there is none, or none may be seen.
std::string devicePrograms(const std::string& directory);

} // namespace scopewright::integration
