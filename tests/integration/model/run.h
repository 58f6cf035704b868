// SPDX-License-Identifier: LGPL-2.1-or-later
// Carries out a list of operations on a world and on the model, and compares the two after each of them.
#pragma once

#include "model/operations.h"
#include "model/world.h"

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace scopewright::integration::model {

struct Failure {
    std::size_t at = 0; ///< the operation after which the two differed
    std::string what;
};

/// In a world without sandboxes. What takes its time is waited for no longer than `limit`.
std::optional<Failure> carryOut(const World& world, const std::vector<Operation>& operations,
                                std::chrono::milliseconds limit);

/// Runs a list in a world that is made new for it.
using Attempt = std::function<std::optional<Failure>(const std::vector<Operation>&, std::chrono::milliseconds)>;

/// As many operations as this machine is asked to try: SCOPEWRIGHT_MODEL_OPERATIONS, or `otherwise`.
std::size_t wantedOperations(std::size_t otherwise);

/// Lists from a seed, each in a world of its own, until `count` operations are done. Says which seeds those are; one
/// that is given in SCOPEWRIGHT_MODEL_SEED is the only one. What fails is shortened: the text is for people, "" is
/// good.
std::string tryLists(std::size_t count, const Attempt& attempt);

} // namespace scopewright::integration::model
