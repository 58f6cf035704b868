// SPDX-License-Identifier: LGPL-2.1-or-later
// What must be true of all resources that were accepted, whichever way they came in.
#pragma once

#include "limits/plan.h"
#include "limits/resources.h"

namespace scopewright::fuzz {

/// They come back from a record and from D-Bus, merge with themselves to what they are, can be explained, and make
/// plans that hold nothing but what we print.
void examine(const limits::Resources& resources);

/// The same for one that follows on another: an update.
void examineUpdate(const limits::Resources& before, const limits::Resources& update);

/// A file that we are about to write: its name one component, its value visible lines.
void examineFile(const limits::FileValue& file);

} // namespace scopewright::fuzz
