// SPDX-License-Identifier: LGPL-2.1-or-later
#include "systemd/link.h"

#include "async/completion.h"
#include "base/log.h"
#include "bus/codec.h"

#include <chrono>

namespace scopewright::systemd {

namespace {

constexpr const char* kName = "org.freedesktop.systemd1";
constexpr const char* kPath = "/org/freedesktop/systemd1";
constexpr const char* kManager = "org.freedesktop.systemd1.Manager";

/// A PID 1 that executes itself anew listens again within a second; one that has not done so after all of them does
/// not want to.
constexpr std::chrono::milliseconds kBetweenAttempts{100};
constexpr int kMostAttempts = 100;
constexpr std::chrono::seconds kPatienceWithReturn{20};

std::string signalRule(const std::string& member) {
    return std::string("type='signal',path='") + kPath + "',interface='" + kManager + "',member='" + member + "'";
}

void reportStray(std::exception_ptr error) noexcept {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& failure) {
        log::error(std::string("the connection to systemd failed: ") + failure.what());
    }
}

int onPong(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept {
    static_cast<async::Completion<bool>*>(userdata)->complete(sd_bus_message_is_method_error(message, nullptr) <= 0);
    return 0;
}

/// sd-bus counts the time of a call only once the connection stands, and that of a PID 1 that hangs never does.
async::Task<bool> answers(bus::Connection& connection, bus::Microseconds patience) {
    const bus::Message ping = bus::methodCall(connection.raw(), kName, kPath, "org.freedesktop.DBus.Peer", "Ping");
    async::Completion<bool> answered;
    sd_bus_slot* slot = nullptr;
    if (sd_bus_call_async(connection.raw(), &slot, ping.raw(), onPong, &answered, UINT64_MAX) < 0) co_return false;
    const bus::Slot pending(slot);
    const bus::Source timer = bus::completeAfter(connection.event(), patience, answered);
    const bool result = co_await answered;
    co_return result;
}

/// Nothing is worth waiting for that has not been sent to a PID 1 that does not read.
struct Abandoned {
    bus::Connection& connection;
    ~Abandoned() {
        if (connection.raw()) sd_bus_close(connection.raw());
    }
};

template <class Act>
int guarded(Act act) noexcept {
    try {
        act();
    } catch (const std::exception& error) {
        log::error(std::string("the connection to systemd failed: ") + error.what());
    }
    return 0;
}

} // namespace

Link::Link(bus::Connection& bus, std::string socket)
    : bus_(bus), socket_(std::move(socket)), background_(reportStray) {}

Link::~Link() {
    if (direct_) sd_bus_close(direct_->raw());
}

Link::Watch::Watch(Link& link, const char* member, sd_bus_message_handler_t handler, void* userdata) : link_(link) {
    link_.watched_.push_front(Watched{member, handler, userdata, nullptr, nullptr});
    watched_ = link_.watched_.begin();
    if (link_.direct_) link_.listenOnSocket(*watched_);
    if (link_.newOwner_) link_.listenOnBus(*watched_);
}

/// There is nobody else on that connection, so the rule stays on this side.
void Link::listenOnSocket(Watched& watched) {
    watched.onSocket = direct_->matchNow(signalRule(watched.member), watched.handler, watched.userdata);
}

/// The bus takes the rule before any call that is sent after it.
void Link::listenOnBus(Watched& watched) {
    watched.onBus = bus_.matchSoon("sender='org.freedesktop.systemd1'," + signalRule(watched.member), watched.handler,
                                   watched.userdata);
}

async::Task<void> Link::open(bus::Microseconds patience) {
    const bool connected = co_await trySocket(patience);
    if (connected) co_return;
    fallBack();
    co_await subscribe(patience);
}

/// Makes PID 1 send its signals to the bus.
async::Task<void> Link::subscribe(bus::Microseconds patience) {
    bus::Message call = bus::methodCall(bus_.raw(), kName, kPath, kManager, "Subscribe");
    co_await bus_.call(call, patience);
}

bool Link::direct() const noexcept {
    return direct_ && sd_bus_is_open(direct_->raw()) > 0;
}

bus::Connection& Link::connection() {
    if (direct()) return *direct_;
    if (direct_) fallBack();
    return bus_;
}

bus::BusHandle Link::openSocket() const {
    sd_bus* raw = nullptr;
    if (sd_bus_new(&raw) < 0) return nullptr;
    bus::BusHandle bus(raw);
    sd_bus_set_description(raw, "systemd");
    if (sd_bus_set_address(raw, ("unix:path=" + socket_).c_str()) < 0 || sd_bus_start(raw) < 0) return nullptr;
    return bus;
}

/// Connects, and waits until PID 1 has answered: a socket can listen while nobody accepts.
async::Task<bool> Link::trySocket(bus::Microseconds patience) {
    bus::BusHandle bus = socket_.empty() ? nullptr : openSocket();
    if (!bus) co_return false;
    direct_.reset();
    std::optional<bus::Connection> candidate;
    candidate.emplace(std::move(bus), bus_.event());
    const Abandoned abandoned{*candidate};
    const bool answered = co_await answers(*candidate, patience);
    if (!answered) co_return false;
    direct_.emplace(std::move(*candidate));
    for (Watched& watched : watched_)
        listenOnSocket(watched);
    disconnected_ = direct_->matchNow("type='signal',path='/org/freedesktop/DBus/Local',"
                                      "interface='org.freedesktop.DBus.Local',member='Disconnected'",
                                      onDisconnected, this);
    co_return true;
}

/// From now on through the bus, until PID 1 listens again.
void Link::fallBack() {
    if (newOwner_) return;
    newOwner_ = bus_.matchSoon("type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                               "interface='org.freedesktop.DBus',member='NameOwnerChanged',"
                               "arg0='org.freedesktop.systemd1'",
                               onNewOwner, this);
    for (Watched& watched : watched_)
        listenOnBus(watched);
    if (!direct_ || std::exchange(reconnecting_, true)) return;
    log::debug("systemd has closed the connection");
    background_.spawn(reconnect());
}

async::Task<void> Link::reconnect() {
    bool connected = false;
    for (int attempt = 0; attempt < kMostAttempts && !connected; ++attempt) {
        co_await bus::sleepFor(bus_.event(), kBetweenAttempts);
        connected = co_await trySocket(kPatienceWithReturn);
    }
    reconnecting_ = false;
    if (connected) {
        for (Watched& watched : watched_)
            watched.onBus.reset();
        newOwner_.reset();
    } else {
        log::warning("systemd does not listen on " + socket_ + " any more; it is asked through the bus from now on");
        direct_.reset();
        co_await subscribe(kPatienceWithReturn);
    }
    if (returned_) returned_();
}

int Link::onDisconnected(sd_bus_message*, void* userdata, sd_bus_error*) noexcept {
    return guarded([&] { static_cast<Link*>(userdata)->fallBack(); });
}

int Link::onNewOwner(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept {
    return guarded([&] {
        const auto [name, before, now] =
            bus::unpack<std::string, std::string, std::string>(bus::Message::share(message));
        const Link& self = *static_cast<Link*>(userdata);
        if (!now.empty() && self.returned_) self.returned_();
    });
}

} // namespace scopewright::systemd
