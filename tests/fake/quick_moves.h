// SPDX-License-Identifier: LGPL-2.1-or-later
// Moving processes between control groups without waiting for all CPUs.
#pragma once

#include <sys/types.h>

namespace scopewright::fake {

/// As long as it lives a move takes a fraction of a millisecond. Else each takes some ten, for it locks out all forks
/// and exits of the machine, and to take that lock for the first time after a while the kernel waits until every CPU
/// has been through its scheduler. A process that takes it every few milliseconds, for a move to where it is, keeps it
/// at hand.
class QuickMoves {
public:
    QuickMoves();
    QuickMoves(QuickMoves&&) = delete;
    ~QuickMoves();

private:
    pid_t pid_;
};

} // namespace scopewright::fake
