// SPDX-License-Identifier: LGPL-2.1-or-later
// What is to be done about a unit, from what can be seen of it. The only path of recovery: at start, after a signal,
// after PID 1 has reloaded.
#pragma once

#include "state/record.h"

namespace scopewright::sandbox {

enum class UnitState { Absent, Activating, Active, Deactivating, Failed };

struct Observation {
    UnitState unit = UnitState::Absent;
    state::RecordState record = state::RecordState::Foreign;
    bool payload = false;   ///< the payload's directory is there
    bool ready = false;     ///< … and carries its mark
    bool populated = false; ///< a process lives in the scope or below it
    bool visible = true;    ///< the scope's directory could be looked into
};

enum class Verdict {
    Ignore,   ///< somebody else's unit
    SetAside, ///< a record that cannot be read, or a newer daemon's: named in the log, never touched
    Forget,   ///< there is no such sandbox (any more)
    Wait,     ///< PID 1 is at work on it, or it cannot be seen: look again
    Keep,     ///< it is as it should be
    Finish,   ///< its start was cut short: carry on from where it stands
    Stop,     ///< it runs without a process, which PID 1 does not notice by itself: stopping it kills nobody
};

Verdict settle(const Observation& seen);

} // namespace scopewright::sandbox
