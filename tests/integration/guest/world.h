// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "guest/guest.h"
#include "model/world.h"

namespace scopewright::integration {

/// The real PID 1's, as long as `guest` lives.
model::World worldOf(const Guest& guest);

} // namespace scopewright::integration
