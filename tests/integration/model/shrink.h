// SPDX-License-Identifier: LGPL-2.1-or-later
// A shorter list that still fails.
#pragma once

#include "model/operations.h"

#include <functional>
#include <vector>

namespace scopewright::integration::model {

/// Takes away chunks, then single operations, as long as what is left still `fails`, and no more often than `tries`.
std::vector<Operation> shrink(std::vector<Operation> failing,
                              const std::function<bool(const std::vector<Operation>&)>& fails, std::size_t tries);

} // namespace scopewright::integration::model
