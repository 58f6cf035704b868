// SPDX-License-Identifier: LGPL-2.1-or-later
// What the kernel shows in a file, against what we wrote there: the file in the first line, the value that was asked
// for in the second (see unescaped()), the content in the rest.
#include "fuzz.h"
#include "limits/drift.h"
#include "limits/text.h"
#include "limits/unified.h"

namespace scopewright::fuzz {

namespace {

void run(std::string_view input) {
    limits::FileValue file;
    file.file = takeLine(input);
    file.value = unescaped(takeLine(input));
    // Nothing is ever written but what went through these.
    if (!accepts([&] {
            limits::checkUnifiedKey(file.file);
            file.value = limits::unifiedValue(file.file, file.value);
            file.controller = limits::controllerOf(file.file);
        }))
        return;
    expect(limits::holds(file, file.value), "a file that does not hold what was written", file.value);
    expect(limits::holds(file, file.value + "\n"), "a file that does not hold what was written", file.value);
    static_cast<void>(limits::holds(file, input));

    // Several lines are several writes, each with a way back of its own.
    for (std::string_view line : lines(file.value)) {
        limits::FileValue one = file;
        one.value = line;
        limits::FileValue back = one;
        back.value = limits::former(one, input);
        if (limits::words(back.value).size() > 1)
            expect(limits::holds(back, input), "a way back to somewhere else", back.value);
    }
}

const Registration kTarget("cgroup_files", run);

} // namespace

} // namespace scopewright::fuzz
