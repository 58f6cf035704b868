// SPDX-License-Identifier: LGPL-2.1-or-later
// Every operation that changes something, each on a sandbox called "web".
#pragma once

#include "crash/sweep.h"

#include <vector>

namespace scopewright::integration {

std::vector<Operation> operations();

} // namespace scopewright::integration
