// SPDX-License-Identifier: LGPL-2.1-or-later
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace scopewright::integration {

/// These tests stop services, reload PID 1 and kill processes: never on a machine that somebody uses.
std::string whyNotHere();
std::string whyNotHere() {
    if (!std::getenv("SCOPEWRIGHT_GUEST")) return "not a guest (SCOPEWRIGHT_GUEST is not set); see tests/guest";
    if (::geteuid() != 0) return "needs root";
    return "";
}

} // namespace scopewright::integration
