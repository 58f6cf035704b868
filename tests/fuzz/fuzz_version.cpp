// SPDX-License-Identifier: LGPL-2.1-or-later
// What PID 1 says its version is: "252.39-1~deb12u2", "v257", "259~rc1".
#include "fuzz.h"

#include "systemd/version.h"

namespace scopewright::fuzz {

namespace {

void run(std::string_view input) {
    systemd::Version version;
    if (!accepts([&] { version = systemd::parseVersion(input); })) return;
    std::string_view digits = input.starts_with('v') ? input.substr(1) : input;
    while (digits.starts_with('0'))
        digits.remove_prefix(1);
    const std::string printed = std::to_string(version.number);
    expect(version.number > 0 && digits.starts_with(printed), "another version", input);
    const std::string_view rest = digits.substr(printed.size());
    expect(rest.empty() || isOf(rest.substr(0, 1), ".-~+ "), "a version that goes on", input);
    // The second number is there as it was read; one that cannot be read is none.
    if (version.patch == 0) return;
    std::string_view patch = rest.substr(1);
    while (patch.starts_with('0'))
        patch.remove_prefix(1);
    const std::string read = std::to_string(version.patch);
    expect(rest.front() == '.' && patch.starts_with(read), "another patch", input);
    const std::string_view after = patch.substr(read.size());
    expect(after.empty() || isOf(after.substr(0, 1), ".-~+ "), "a patch that goes on", input);
}

const Registration kTarget("version", run);

} // namespace

} // namespace scopewright::fuzz
