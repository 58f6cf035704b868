// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon.h"

#include "api/paths.h"
#include "base/error.h"
#include "base/log.h"

#include <systemd/sd-daemon.h>

#include <csignal>
#include <cstdlib>

namespace scopewright {

namespace {

bus::EventHandle newEventLoop() {
    sd_event* event = nullptr;
    bus::check(sd_event_default(&event), "make an event loop");
    sd_event_set_watchdog(event, 1);
    return bus::EventHandle(event);
}

bus::BusHandle openBus(api::Instance instance) {
    sd_bus* bus = nullptr;
    if (instance == api::Instance::User)
        bus::check(sd_bus_open_user_with_description(&bus, "scopewrightd"), "connect to the user's bus");
    else
        bus::check(sd_bus_open_system_with_description(&bus, "scopewrightd"), "connect to the system bus");
    return bus::BusHandle(bus);
}

} // namespace

Daemon::Daemon(cgroup::Group root, config::Config config, api::Service::LoadConfig loadConfig, api::Instance instance)
    : event_(newEventLoop()),
      connection_(openBus(instance), event_.get()),
      logControl_(connection_),
      service_(connection_, std::move(root), std::move(config), std::move(loadConfig), instance),
      disconnected_(connection_.matchNow("type='signal',path='/org/freedesktop/DBus/Local',"
                                         "interface='org.freedesktop.DBus.Local',member='Disconnected'",
                                         onDisconnected, this)) {
    watchSignals();
}

void Daemon::watchSignals() {
    sigset_t signals;
    sigemptyset(&signals);
    for (int signal : {SIGTERM, SIGINT, SIGHUP})
        sigaddset(&signals, signal);
    ::sigprocmask(SIG_BLOCK, &signals, nullptr);
    const auto watch = [&](int signal, sd_event_signal_handler_t handler) {
        sd_event_source* source = nullptr;
        bus::check(sd_event_add_signal(event_.get(), &source, signal, handler, this), "watch a signal");
        return bus::Source(source);
    };
    stopSignals_[0] = watch(SIGTERM, onStopSignal);
    stopSignals_[1] = watch(SIGINT, onStopSignal);
    reloadSignal_ = watch(SIGHUP, onReloadSignal);
}

async::Task<void> Daemon::start() {
    try {
        // Another daemon must not be disturbed in what it is doing.
        if (sd_bus_get_name_creds(connection_.raw(), api::kBusName, 0, nullptr) >= 0)
            throw Error(ErrorCode::Failed, "another process owns the name org.scopewright1");
        co_await service_.start();
        // The name comes last: whoever waited for it finds everything in place.
        bus::check(sd_bus_request_name(connection_.raw(), api::kBusName, 0), "take the name org.scopewright1");
    } catch (const std::exception& error) {
        log::error(std::string("cannot start: ") + error.what());
        sd_notifyf(0, "STATUS=Cannot start: %s", error.what());
        exitStatus_ = EXIT_FAILURE;
        co_return;
    }
    ready_ = true;
    lastActivity_ = Clock::now();
    sd_notify(0, "READY=1");
}

int Daemon::run() {
    service_.spawn(start());
    std::size_t seen = 0;
    while (!exitStatus_) {
        const bus::Microseconds patience = untilIdle();
        const bool over = nameGone_ && service_.idle();
        const std::uint64_t timeout = over                            ? 0
                                      : patience == config::kInfinity ? UINT64_MAX
                                                                      : static_cast<std::uint64_t>(patience.count());
        const int events = bus::check(sd_event_run(event_.get(), timeout), "run the event loop");
        if (service_.activity() != seen || !service_.idle()) {
            seen = service_.activity();
            lastActivity_ = Clock::now();
        }
        if (ready_ && !leaving_ && untilIdle() == bus::Microseconds(0)) leave("nothing to do");
        // Not before the kernel has said that nothing is left to be read.
        if (over && events == 0 && service_.idle()) exitStatus_ = EXIT_SUCCESS;
    }
    sd_notify(0, "STOPPING=1");
    return *exitStatus_;
}

bool Daemon::mayLeave() const {
    return ready_ && !leaving_ && service_.idle() && service_.config().idleTimeout != config::kInfinity &&
           !(service_.config().stayWithSandboxes && service_.count() > 0);
}

/// How long nothing must happen from now on until it is time to leave.
bus::Microseconds Daemon::untilIdle() const {
    if (!mayLeave()) return config::kInfinity;
    const auto quiet = std::chrono::duration_cast<bus::Microseconds>(Clock::now() - lastActivity_);
    return std::max(bus::Microseconds(0), service_.config().idleTimeout - quiet);
}

/// Leaving so that no call is lost: PID 1 is told first, so that it queues a new start instead of thinking we still
/// serve; then the name is given back. What the bus had routed to us until then is still answered; what comes later
/// waits at the bus for the next daemon.
void Daemon::leave(const char* why) {
    leaving_ = true;
    log::info(std::string(why) + ", leaving");
    sd_notify(0, "STOPPING=1");
    const char* self = nullptr;
    bus::check(sd_bus_get_unique_name(connection_.raw(), &self), "learn our unique name");
    const std::string rule = std::string("type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                                         "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='") +
                             api::kBusName + "',arg1='" + self + "',arg2=''";
    sd_bus_slot* slot = nullptr;
    bus::check(sd_bus_add_match_async(connection_.raw(), &slot, rule.c_str(), onNameLost, nullptr, this),
               "watch our name");
    nameLost_.reset(slot);
    bus::check(sd_bus_release_name_async(connection_.raw(), nullptr, api::kBusName, nullptr, nullptr),
               "give our name back");
}

int Daemon::onNameLost(sd_bus_message*, void* userdata, sd_bus_error*) noexcept {
    static_cast<Daemon*>(userdata)->nameGone_ = true;
    return 0;
}

/// Without a bus there is nobody to serve. The sandboxes live on; the next call finds them.
int Daemon::onDisconnected(sd_bus_message*, void* userdata, sd_bus_error*) noexcept {
    log::warning("the connection to the bus is gone");
    static_cast<Daemon*>(userdata)->exitStatus_ = EXIT_SUCCESS;
    return 0;
}

/// The first one is a wish to leave, which takes as long as what is under way; the second one is an order.
int Daemon::onStopSignal(sd_event_source*, const signalfd_siginfo*, void* userdata) noexcept {
    Daemon& self = *static_cast<Daemon*>(userdata);
    try {
        if (self.ready_ && !self.stopping_) {
            self.stopping_ = true;
            if (!self.leaving_) self.leave("told to stop");
            return 0;
        }
    } catch (const std::exception& error) {
        log::error(std::string("cannot leave in good order: ") + error.what());
    }
    self.exitStatus_ = EXIT_SUCCESS;
    return 0;
}

int Daemon::onReloadSignal(sd_event_source*, const signalfd_siginfo*, void* userdata) noexcept {
    try {
        static_cast<Daemon*>(userdata)->service_.reload();
    } catch (const std::exception& error) {
        log::error(std::string("the configuration cannot be read again: ") + error.what());
    }
    return 0;
}

} // namespace scopewright
