// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "model/world.h"
#include "private_bus/private_bus.h"

namespace scopewright::integration {

/// The fake PID 1's, as long as `bus` lives.
model::World worldOf(const PrivateBus& bus);

} // namespace scopewright::integration
