// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sandbox/settle.h"

namespace scopewright::sandbox {

Verdict settle(const Observation& seen) {
    // A unit that is gone has no record to read, so this comes first.
    if (seen.unit == UnitState::Absent) return Verdict::Forget;
    if (seen.record == state::RecordState::Foreign) return Verdict::Ignore;
    if (seen.record != state::RecordState::Ours) return Verdict::SetAside;
    switch (seen.unit) {
        case UnitState::Absent:
        case UnitState::Failed: return Verdict::Forget;
        case UnitState::Activating:
        case UnitState::Deactivating: return Verdict::Wait;
        case UnitState::Active: break;
    }
    // What cannot be seen is not empty.
    if (!seen.visible) return Verdict::Wait;
    if (!seen.populated) return Verdict::Stop;
    return seen.payload && seen.ready ? Verdict::Keep : Verdict::Finish;
}

} // namespace scopewright::sandbox
