// SPDX-License-Identifier: LGPL-2.1-or-later
// The daemon that is measured, as a process.
#pragma once

#include <sys/types.h>

#include <string>

namespace scopewright::performance {

pid_t daemonPid();
/// The time that it has had a processor, in microseconds.
double processorTime(pid_t pid);
/// VmRSS, in KiB.
double residentKiB(pid_t pid);

/// A drop-in of the configuration, in force until the end: the daemon stays, and there is room for thousands.
class Configured {
public:
    Configured();
    Configured(Configured&&) = delete;
    ~Configured();
};

} // namespace scopewright::performance
