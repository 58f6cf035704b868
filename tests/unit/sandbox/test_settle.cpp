// SPDX-License-Identifier: LGPL-2.1-or-later
// The recovery table against the one function that decides.
#include "sandbox/settle.h"

#include "catch.h"
#include "recovery_table.h"

#include <set>
#include <tuple>

using namespace scopewright;
using namespace scopewright::sandbox;
using namespace scopewright::unit;

TEST_CASE("each row of the recovery table is what recovery decides") {
    for (const RecoveryRow& row : kRecoveryTable)
        for (const state::RecordState record : recordStates(row.record)) {
            CAPTURE(toString(row.unit), toString(record), row.payload, row.ready, row.populated);
            CHECK(std::string(toString(settle(observation(row, record)))) == toString(row.outcome));
        }
}

TEST_CASE("the recovery table has every combination once") {
    std::set<std::tuple<UnitState, Whose, bool, bool, bool>> combinations;
    for (const RecoveryRow& row : kRecoveryTable)
        combinations.emplace(row.unit, row.record, row.payload, row.ready, row.populated);
    CHECK(combinations.size() == 5 * 3 * 2 * 2 * 2);
}

TEST_CASE("no row of the recovery table touches what is not ours or stops what lives") {
    for (const RecoveryRow& row : kRecoveryTable) {
        CAPTURE(toString(row.unit), static_cast<int>(row.record), row.payload, row.ready, row.populated);
        const bool touched =
            row.outcome == Verdict::Keep || row.outcome == Verdict::Finish || row.outcome == Verdict::Stop;
        if (row.record != Whose::Ours) CHECK_FALSE(touched);
        if (row.populated) CHECK(row.outcome != Verdict::Stop);
        // A unit with a job is never stopped: for a start job that has crashed PID 1.
        if (row.unit == UnitState::Activating || row.unit == UnitState::Deactivating) CHECK_FALSE(touched);
    }
}

TEST_CASE("a scope that cannot be looked into is waited for, not taken for empty") {
    for (const RecoveryRow& row : kRecoveryTable) {
        if (row.unit != UnitState::Active || row.record != Whose::Ours) continue;
        Observation seen = observation(row, state::RecordState::Ours);
        seen.visible = false;
        CAPTURE(row.payload, row.ready, row.populated);
        CHECK(settle(seen) == Verdict::Wait);
    }
}
