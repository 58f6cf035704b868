// SPDX-License-Identifier: LGPL-2.1-or-later
// The parts of the benchmark. Each compares in one run, in turn, with the same pauses and the same moves on all sides.
#pragma once

#include "figures.h"

namespace scopewright::performance {

/// One client starts sandboxes one after the other.
void start(Figures& figures);
/// A sandbox whose process lives is ended.
void stop(Figures& figures);
/// Many at once.
void concurrency(Figures& figures);
/// A group with six limits. Where there are controllers, which an emulated machine has.
void groups(Figures& figures);
/// The same with few and with thousands of sandboxes there.
void scale(Figures& figures);
/// What units that are none of ours cost.
void noise(Figures& figures);
/// What a user's flood of calls costs root's calls, beside what it costs those to a service that does nothing.
void flood(Figures& figures);
void memory(Figures& figures);
/// The first call to a daemon that does not run.
void activation(Figures& figures);

} // namespace scopewright::performance
