// SPDX-License-Identifier: LGPL-2.1-or-later
// The record in a unit's Description: as it is, and with a seal that fits, which no fuzzer would guess.
#include "fuzz.h"

#include "state/record.h"
#include "state/text.h"

namespace scopewright::fuzz {

namespace {

void asDescription(const std::string& description) {
    const state::ReadRecord read = state::readRecord(description);
    if (read.state != state::RecordState::Ours) {
        expect(read.record == state::Record(), "a record of what is none", description);
        return;
    }
    const state::Record& record = read.record;
    expect(!record.id.empty(), "a record without an id", description);
    expect(description.ends_with(']'), "a record before the end", description);
    // Only these go into a record; others were written by somebody else, who need not be able to read them again.
    for (const std::string* text : {&record.id, &record.unit, &record.token, &record.request})
        if (!state::isPlain(*text)) return;
    const std::string again = state::describe("Sandbox", record);
    const state::ReadRecord second = state::readRecord(again);
    expect(second.state == state::RecordState::Ours && second.record == record, "a record that does not stay", again);
    expect(isVisible(again) && again.find('\\') == std::string::npos, "a record that PID 1 would not keep", again);
}

void run(std::string_view input) {
    asDescription(std::string(input));
    asDescription("Sandbox [scopewright " + state::seal(std::string(input)) + "]");
}

const Registration kTarget("records", run);

} // namespace

} // namespace scopewright::fuzz
