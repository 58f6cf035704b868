// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sandbox/settle.h"

#include "catch.h"

#include <initializer_list>

using namespace scopewright;
using namespace scopewright::sandbox;
using state::RecordState;

namespace {

/// Every combination there is, possible or not.
template <class Visit>
int forAll(Visit visit) {
    int cases = 0;
    for (UnitState unit :
         {UnitState::Absent, UnitState::Activating, UnitState::Active, UnitState::Deactivating, UnitState::Failed})
        for (RecordState record : {RecordState::Foreign, RecordState::Ours, RecordState::Corrupt, RecordState::Newer})
            for (bool payload : {false, true})
                for (bool ready : {false, true})
                    for (bool populated : {false, true}) {
                        visit(Observation{unit, record, payload, ready, populated});
                        ++cases;
                    }
    return cases;
}

} // namespace

TEST_CASE("recovery has a verdict for every observation") {
    const int cases = forAll([](const Observation& seen) {
        CAPTURE(static_cast<int>(seen.unit), static_cast<int>(seen.record), seen.payload, seen.ready, seen.populated);
        const Verdict verdict = settle(seen);
        const bool exists = seen.unit != UnitState::Absent;
        // What is not ours is never touched, by whatever other signs.
        if (exists && seen.record == RecordState::Foreign) CHECK(verdict == Verdict::Ignore);
        if (exists && (seen.record == RecordState::Corrupt || seen.record == RecordState::Newer))
            CHECK(verdict == Verdict::SetAside);
        // Nothing that lives is ever stopped.
        if (seen.populated) CHECK(verdict != Verdict::Stop);
        // A unit with a job is never stopped, finished or forgotten.
        if (seen.record == RecordState::Ours &&
            (seen.unit == UnitState::Activating || seen.unit == UnitState::Deactivating))
            CHECK(verdict == Verdict::Wait);
        // Only a complete sandbox is kept.
        if (verdict == Verdict::Keep)
            CHECK((seen.unit == UnitState::Active && seen.record == RecordState::Ours && seen.payload && seen.ready &&
                   seen.populated));
        if (verdict == Verdict::Finish || verdict == Verdict::Stop)
            CHECK((seen.unit == UnitState::Active && seen.record == RecordState::Ours));
        if (seen.unit == UnitState::Absent) CHECK(verdict == Verdict::Forget);
    });
    CHECK(cases == 160);
}

TEST_CASE("an active sandbox is kept, finished or stopped by what is in it") {
    const auto verdict = [](bool payload, bool ready, bool populated) {
        return settle(Observation{UnitState::Active, RecordState::Ours, payload, ready, populated});
    };
    CHECK(verdict(true, true, true) == Verdict::Keep);
    CHECK(verdict(true, false, true) == Verdict::Finish);
    CHECK(verdict(false, false, true) == Verdict::Finish);
    CHECK(verdict(true, true, false) == Verdict::Stop);
    CHECK(verdict(false, false, false) == Verdict::Stop);
}
