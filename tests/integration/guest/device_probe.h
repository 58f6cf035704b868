// SPDX-License-Identifier: LGPL-2.1-or-later
// Which devices a process in a control group can make and open, tried out: a device program cannot be read.
#pragma once

#include <string>

namespace scopewright::integration {

/// "1:1 m, 1:3 rwm, …" of a few character devices; "-" for one that is closed.
std::string devicesOpenIn(const std::string& controlGroup);

} // namespace scopewright::integration
