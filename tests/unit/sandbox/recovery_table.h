// SPDX-License-Identifier: LGPL-2.1-or-later
// The recovery table: every combination of what a starting daemon can see of a unit, and what comes of it.
#pragma once

#include "sandbox/settle.h"

#include <array>
#include <vector>

namespace scopewright::unit {

/// Whose record the unit's description carries. A bad one is corrupt, or of a newer daemon: both are treated alike.
enum class Whose { Ours, Bad, Foreign };

struct RecoveryRow {
    sandbox::UnitState unit;
    Whose record;
    bool payload;
    bool ready;
    bool populated;
    sandbox::Verdict outcome;
    const char* unreal = ""; ///< why no machine can be brought into this state; empty if one can
};

/// One row for each of the 5 * 3 * 2 * 2 * 2 combinations.
extern const std::array<RecoveryRow, 120> kRecoveryTable;

/// The states of a record that a row stands for.
std::vector<state::RecordState> recordStates(Whose record);

sandbox::Observation observation(const RecoveryRow& row, state::RecordState record);

const char* toString(sandbox::UnitState unit);
const char* toString(state::RecordState record);
const char* toString(sandbox::Verdict verdict);

} // namespace scopewright::unit
