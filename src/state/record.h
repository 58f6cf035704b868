// SPDX-License-Identifier: LGPL-2.1-or-later
// Who a scope is: a record at the end of the unit's Description, so that no unit ever exists without it. PID 1 keeps
// it through daemon-reload and daemon-reexec and forgets it with the unit.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

namespace scopewright::state {

struct Record {
    std::string id;
    uid_t uid = 0;
    std::string unit;    ///< whose description this is: copied to another unit, it says nothing
    std::string token;   ///< the caller's, or empty
    std::string request; ///< digest of what was asked for
    /// To whom the payload is handed, if to anyone.
    std::optional<uid_t> user;
    std::optional<gid_t> group;
    /// What was asked for, as the limits layer writes it: whoever finds a start that was cut short can finish it.
    std::string resources;
    bool adopted = false; ///< another program started the unit

    bool operator==(const Record&) const = default;
};

enum class RecordState { Foreign, Ours, Corrupt, Newer };

struct ReadRecord {
    RecordState state = RecordState::Foreign;
    Record record; ///< meaningful when Ours
};

/// "words [scopewright v=1 id=… … crc=…]". `words` must be free of what PID 1 would take for syntax: see isPlain().
std::string describe(std::string_view words, const Record& record);

ReadRecord readRecord(std::string_view description);

/// Only A-Z a-z 0-9 space = : . _ -, which come back unchanged from a unit file after a daemon-reload.
bool isPlain(std::string_view text);

} // namespace scopewright::state
