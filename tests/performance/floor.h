// SPDX-License-Identifier: LGPL-2.1-or-later
// The floor of a flood: a service on the same bus that does nothing but answer, one call after the other; and the users
// and rules that a flood of either service needs.
#pragma once

#include "child.h"

namespace scopewright::performance {

inline constexpr const char* kFloorService = "org.scopewright1.Floor";

/// The bus's rules for that service, and a user who is in the group scopewright. The guest is thrown away, so the user
/// stays.
class FloodWorld {
public:
    FloodWorld();
    FloodWorld(FloodWorld&&) = delete;
    ~FloodWorld();
};

/// Runs the service.
void answerEverybody(const std::function<void()>& ready);

/// A process becomes that user's before it lives; if it is `meek`, it also takes only what time is left of one
/// processor.
integration::Child::Life ofFlooder(bool meek, const integration::Child::Life& life);

} // namespace scopewright::performance
