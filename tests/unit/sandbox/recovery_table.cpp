// SPDX-License-Identifier: LGPL-2.1-or-later
#include "recovery_table.h"

namespace scopewright::unit {

namespace {

using enum sandbox::UnitState;
using enum Whose;
using enum sandbox::Verdict;

constexpr const char* kNoDirectory = "a ready mark without a directory";

} // namespace

// clang-format off
const std::array<RecoveryRow, 120> kRecoveryTable{{
    //                     payload directory
    //                     |  ready mark
    //                     |  |  populated
    // unit      record    |  |  |   outcome
    // There is no such sandbox. A record is seen where PID 1 has the unit still loaded, but inactive; a directory is what
    // it could not remove.
    {Absent,      Ours,    0, 0, 0,  Forget},
    {Absent,      Ours,    0, 0, 1,  Forget},
    {Absent,      Ours,    0, 1, 0,  Forget, kNoDirectory},
    {Absent,      Ours,    0, 1, 1,  Forget, kNoDirectory},
    {Absent,      Ours,    1, 0, 0,  Forget},
    {Absent,      Ours,    1, 0, 1,  Forget},
    {Absent,      Ours,    1, 1, 0,  Forget},
    {Absent,      Ours,    1, 1, 1,  Forget},
    {Absent,      Bad,     0, 0, 0,  Forget},
    {Absent,      Bad,     0, 0, 1,  Forget},
    {Absent,      Bad,     0, 1, 0,  Forget, kNoDirectory},
    {Absent,      Bad,     0, 1, 1,  Forget, kNoDirectory},
    {Absent,      Bad,     1, 0, 0,  Forget},
    {Absent,      Bad,     1, 0, 1,  Forget},
    {Absent,      Bad,     1, 1, 0,  Forget},
    {Absent,      Bad,     1, 1, 1,  Forget},
    {Absent,      Foreign, 0, 0, 0,  Forget},
    {Absent,      Foreign, 0, 0, 1,  Forget},
    {Absent,      Foreign, 0, 1, 0,  Forget, kNoDirectory},
    {Absent,      Foreign, 0, 1, 1,  Forget, kNoDirectory},
    {Absent,      Foreign, 1, 0, 0,  Forget},
    {Absent,      Foreign, 1, 0, 1,  Forget},
    {Absent,      Foreign, 1, 1, 0,  Forget},
    {Absent,      Foreign, 1, 1, 1,  Forget},
    // PID 1 is at work on it: what is ours is looked at again, whatever is there already.
    {Activating,  Ours,    0, 0, 0,  Wait},
    {Activating,  Ours,    0, 0, 1,  Wait},
    {Activating,  Ours,    0, 1, 0,  Wait, kNoDirectory},
    {Activating,  Ours,    0, 1, 1,  Wait, kNoDirectory},
    {Activating,  Ours,    1, 0, 0,  Wait},
    {Activating,  Ours,    1, 0, 1,  Wait},
    {Activating,  Ours,    1, 1, 0,  Wait},
    {Activating,  Ours,    1, 1, 1,  Wait},
    {Activating,  Bad,     0, 0, 0,  SetAside},
    {Activating,  Bad,     0, 0, 1,  SetAside},
    {Activating,  Bad,     0, 1, 0,  SetAside, kNoDirectory},
    {Activating,  Bad,     0, 1, 1,  SetAside, kNoDirectory},
    {Activating,  Bad,     1, 0, 0,  SetAside},
    {Activating,  Bad,     1, 0, 1,  SetAside},
    {Activating,  Bad,     1, 1, 0,  SetAside},
    {Activating,  Bad,     1, 1, 1,  SetAside},
    {Activating,  Foreign, 0, 0, 0,  Ignore},
    {Activating,  Foreign, 0, 0, 1,  Ignore},
    {Activating,  Foreign, 0, 1, 0,  Ignore, kNoDirectory},
    {Activating,  Foreign, 0, 1, 1,  Ignore, kNoDirectory},
    {Activating,  Foreign, 1, 0, 0,  Ignore},
    {Activating,  Foreign, 1, 0, 1,  Ignore},
    {Activating,  Foreign, 1, 1, 0,  Ignore},
    {Activating,  Foreign, 1, 1, 1,  Ignore},
    // What runs without a process is stopped, what has no whole payload is finished.
    {Active,      Ours,    0, 0, 0,  Stop},
    {Active,      Ours,    0, 0, 1,  Finish},
    {Active,      Ours,    0, 1, 0,  Stop, kNoDirectory},
    {Active,      Ours,    0, 1, 1,  Finish, kNoDirectory},
    {Active,      Ours,    1, 0, 0,  Stop},
    {Active,      Ours,    1, 0, 1,  Finish},
    {Active,      Ours,    1, 1, 0,  Stop},
    {Active,      Ours,    1, 1, 1,  Keep},
    {Active,      Bad,     0, 0, 0,  SetAside},
    {Active,      Bad,     0, 0, 1,  SetAside},
    {Active,      Bad,     0, 1, 0,  SetAside, kNoDirectory},
    {Active,      Bad,     0, 1, 1,  SetAside, kNoDirectory},
    {Active,      Bad,     1, 0, 0,  SetAside},
    {Active,      Bad,     1, 0, 1,  SetAside},
    {Active,      Bad,     1, 1, 0,  SetAside},
    {Active,      Bad,     1, 1, 1,  SetAside},
    {Active,      Foreign, 0, 0, 0,  Ignore},
    {Active,      Foreign, 0, 0, 1,  Ignore},
    {Active,      Foreign, 0, 1, 0,  Ignore, kNoDirectory},
    {Active,      Foreign, 0, 1, 1,  Ignore, kNoDirectory},
    {Active,      Foreign, 1, 0, 0,  Ignore},
    {Active,      Foreign, 1, 0, 1,  Ignore},
    {Active,      Foreign, 1, 1, 0,  Ignore},
    {Active,      Foreign, 1, 1, 1,  Ignore},
    // As while it starts; the next look finds it gone.
    {Deactivating,Ours,    0, 0, 0,  Wait},
    {Deactivating,Ours,    0, 0, 1,  Wait},
    {Deactivating,Ours,    0, 1, 0,  Wait, kNoDirectory},
    {Deactivating,Ours,    0, 1, 1,  Wait, kNoDirectory},
    {Deactivating,Ours,    1, 0, 0,  Wait},
    {Deactivating,Ours,    1, 0, 1,  Wait},
    {Deactivating,Ours,    1, 1, 0,  Wait},
    {Deactivating,Ours,    1, 1, 1,  Wait},
    {Deactivating,Bad,     0, 0, 0,  SetAside},
    {Deactivating,Bad,     0, 0, 1,  SetAside},
    {Deactivating,Bad,     0, 1, 0,  SetAside, kNoDirectory},
    {Deactivating,Bad,     0, 1, 1,  SetAside, kNoDirectory},
    {Deactivating,Bad,     1, 0, 0,  SetAside},
    {Deactivating,Bad,     1, 0, 1,  SetAside},
    {Deactivating,Bad,     1, 1, 0,  SetAside},
    {Deactivating,Bad,     1, 1, 1,  SetAside},
    {Deactivating,Foreign, 0, 0, 0,  Ignore},
    {Deactivating,Foreign, 0, 0, 1,  Ignore},
    {Deactivating,Foreign, 0, 1, 0,  Ignore, kNoDirectory},
    {Deactivating,Foreign, 0, 1, 1,  Ignore, kNoDirectory},
    {Deactivating,Foreign, 1, 0, 0,  Ignore},
    {Deactivating,Foreign, 1, 0, 1,  Ignore},
    {Deactivating,Foreign, 1, 1, 0,  Ignore},
    {Deactivating,Foreign, 1, 1, 1,  Ignore},
    // The failure keeps the name, so ours is reset; what lives on in it is not killed by a recovery.
    {Failed,      Ours,    0, 0, 0,  Forget},
    {Failed,      Ours,    0, 0, 1,  Forget},
    {Failed,      Ours,    0, 1, 0,  Forget, kNoDirectory},
    {Failed,      Ours,    0, 1, 1,  Forget, kNoDirectory},
    {Failed,      Ours,    1, 0, 0,  Forget},
    {Failed,      Ours,    1, 0, 1,  Forget},
    {Failed,      Ours,    1, 1, 0,  Forget},
    {Failed,      Ours,    1, 1, 1,  Forget},
    {Failed,      Bad,     0, 0, 0,  SetAside},
    {Failed,      Bad,     0, 0, 1,  SetAside},
    {Failed,      Bad,     0, 1, 0,  SetAside, kNoDirectory},
    {Failed,      Bad,     0, 1, 1,  SetAside, kNoDirectory},
    {Failed,      Bad,     1, 0, 0,  SetAside},
    {Failed,      Bad,     1, 0, 1,  SetAside},
    {Failed,      Bad,     1, 1, 0,  SetAside},
    {Failed,      Bad,     1, 1, 1,  SetAside},
    {Failed,      Foreign, 0, 0, 0,  Ignore},
    {Failed,      Foreign, 0, 0, 1,  Ignore},
    {Failed,      Foreign, 0, 1, 0,  Ignore, kNoDirectory},
    {Failed,      Foreign, 0, 1, 1,  Ignore, kNoDirectory},
    {Failed,      Foreign, 1, 0, 0,  Ignore},
    {Failed,      Foreign, 1, 0, 1,  Ignore},
    {Failed,      Foreign, 1, 1, 0,  Ignore},
    {Failed,      Foreign, 1, 1, 1,  Ignore},
}};
// clang-format on

std::vector<state::RecordState> recordStates(Whose record) {
    switch (record) {
        case Ours: return {state::RecordState::Ours};
        case Bad: return {state::RecordState::Corrupt, state::RecordState::Newer};
        case Foreign: return {state::RecordState::Foreign};
    }
    return {};
}

sandbox::Observation observation(const RecoveryRow& row, state::RecordState record) {
    sandbox::Observation seen;
    seen.unit = row.unit;
    seen.record = record;
    seen.payload = row.payload;
    seen.ready = row.ready;
    seen.populated = row.populated;
    return seen;
}

const char* toString(sandbox::UnitState unit) {
    switch (unit) {
        case Absent: return "absent";
        case Activating: return "activating";
        case Active: return "active";
        case Deactivating: return "deactivating";
        case Failed: return "failed";
    }
    return "";
}

const char* toString(state::RecordState record) {
    switch (record) {
        case state::RecordState::Foreign: return "foreign";
        case state::RecordState::Ours: return "ours";
        case state::RecordState::Corrupt: return "corrupt";
        case state::RecordState::Newer: return "newer";
    }
    return "";
}

const char* toString(sandbox::Verdict verdict) {
    switch (verdict) {
        case Ignore: return "ignore";
        case SetAside: return "set aside";
        case Forget: return "forget";
        case Wait: return "wait";
        case Keep: return "keep";
        case Finish: return "finish";
        case Stop: return "stop";
    }
    return "";
}

} // namespace scopewright::unit
