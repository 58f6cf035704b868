// SPDX-License-Identifier: LGPL-2.1-or-later
// org.freedesktop.LogControl1, by which `systemctl service-log-level scopewright debug` reaches a running daemon.
#pragma once

#include "bus/bus.h"

namespace scopewright::api {

class LogControl {
public:
    explicit LogControl(bus::Connection& connection);
    LogControl(LogControl&&) = delete;

private:
    bus::Slot slot_;
};

} // namespace scopewright::api
