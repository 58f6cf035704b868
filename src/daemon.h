// SPDX-License-Identifier: LGPL-2.1-or-later
// The process: its connection, its name, its signals, and how it leaves when it has nothing to do.
#pragma once

#include "api/log_control.h"
#include "api/service.h"
#include "bus/bus.h"
#include "bus/loop.h"
#include "cgroup/group.h"
#include "config/config.h"

#include <chrono>
#include <optional>

namespace scopewright {

class Daemon {
public:
    Daemon(cgroup::Group root, config::Config config, api::Service::LoadConfig loadConfig, api::Instance instance);
    Daemon(Daemon&&) = delete;

    /// Runs until there is nothing to do, a signal comes, or the bus is gone; the exit status.
    int run();

private:
    using Clock = std::chrono::steady_clock;

    async::Task<void> start();
    void watchSignals();
    bool mayLeave() const;
    bus::Microseconds untilIdle() const;
    void leave(const char* why);

    static int onStopSignal(sd_event_source*, const signalfd_siginfo*, void* userdata) noexcept;
    static int onReloadSignal(sd_event_source*, const signalfd_siginfo*, void* userdata) noexcept;
    static int onDisconnected(sd_bus_message*, void* userdata, sd_bus_error*) noexcept;
    static int onNameLost(sd_bus_message*, void* userdata, sd_bus_error*) noexcept;

    bus::EventHandle event_;
    bus::Connection connection_;
    api::LogControl logControl_;
    api::Service service_;
    bus::Slot disconnected_;
    bus::Slot nameLost_;
    bus::Source stopSignals_[2];
    bus::Source reloadSignal_;
    std::optional<int> exitStatus_;
    Clock::time_point lastActivity_ = Clock::now();
    bool ready_ = false;
    bool leaving_ = false;
    bool stopping_ = false; ///< a signal has said so
    bool nameGone_ = false;
};

} // namespace scopewright
