// SPDX-License-Identifier: LGPL-2.1-or-later
#include "link.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace scopewright::fake {

namespace {

using Clock = std::chrono::steady_clock;

bus::BusHandle open(int fd, bool server) {
    sd_bus* raw = nullptr;
    bus::check(sd_bus_new(&raw), "make a connection");
    bus::BusHandle bus(raw);
    bus::check(sd_bus_set_fd(raw, fd, fd), "give a connection its socket");
    bus::check(sd_bus_negotiate_fds(raw, 1), "negotiate descriptors");
    bus::check(sd_bus_set_trusted(raw, server), "set trust");
    if (server) {
        sd_id128_t id;
        bus::check(sd_id128_randomize(&id), "make an id");
        bus::check(sd_bus_set_server(raw, 1, id), "make a server");
    }
    bus::check(sd_bus_start(raw), "start a connection");
    return bus;
}

} // namespace

Link::Link() {
    sd_event* event = nullptr;
    bus::check(sd_event_new(&event), "make an event loop");
    event_.reset(event);
    connect();
}

Link::~Link() {
    disconnect();
}

void Link::connect() {
    int ends[2];
    bus::check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0 ? -errno : 0,
               "make a socketpair");
    peer_ = open(ends[0], true);
    bus::check(sd_bus_attach_event(peer(), event(), SD_EVENT_PRIORITY_NORMAL), "attach the peer to the loop");
    sd_bus_slot* slot = nullptr;
    bus::check(sd_bus_add_filter(peer(), &slot, onMessage, this), "listen to the daemon");
    filter_.reset(slot);
    connection_ = std::make_unique<bus::Connection>(open(ends[1], false), event());
    const auto ready = [&] { return sd_bus_is_ready(peer()) > 0 && sd_bus_is_ready(connection_->raw()) > 0; };
    if (!until(ready)) throw std::runtime_error("the two ends of a socketpair did not find each other");
}

void Link::disconnect() {
    connection_.reset();
    filter_.reset();
    peer_.reset();
}

bool Link::until(const std::function<bool()>& condition, std::chrono::milliseconds patience) {
    const Clock::time_point end = Clock::now() + patience;
    while (!condition()) {
        const auto left = std::chrono::duration_cast<std::chrono::microseconds>(end - Clock::now()).count();
        if (left <= 0) return false;
        const auto slice = static_cast<std::uint64_t>(std::min<long>(left, onSilence ? 1000 : 20000));
        if (bus::check(sd_event_run(event(), slice), "run the loop") == 0 && onSilence) onSilence();
    }
    return true;
}

void Link::settle() {
    while (bus::check(sd_event_run(event(), 0), "run the loop") > 0) {}
}

void Link::pass(std::chrono::milliseconds time) {
    until([] { return false; }, time);
}

Pending Link::send(const std::string& sender, bus::Message message) {
    bus::check(sd_bus_message_set_sender(message.raw(), sender.c_str()), "set the sender");
    Pending call = std::make_shared<Call>();
    sd_bus_slot* slot = nullptr;
    const std::uint64_t patience = 2 * std::chrono::microseconds(kPatience).count();
    bus::check(sd_bus_call_async(peer(), &slot, message.raw(), onAnswer, call.get(), patience), "send a call");
    call->slot.reset(slot);
    return call;
}

void Link::emit(const std::string& sender, bus::Message message) {
    bus::check(sd_bus_message_set_sender(message.raw(), sender.c_str()), "set the sender");
    bus::check(sd_bus_send(peer(), message.raw(), nullptr), "send a message");
}

std::size_t Link::emitted(const std::string& member) {
    settle();
    return static_cast<std::size_t>(
        std::count_if(signals_.begin(), signals_.end(), [&](const Signal& signal) { return signal.member == member; }));
}

void Link::unexpected(std::exception_ptr error) noexcept {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& exception) {
        std::fprintf(stderr, "a task of the test threw: %s\n", exception.what());
    } catch (...) {
        std::fprintf(stderr, "a task of the test threw\n");
    }
    std::abort();
}

int Link::onMessage(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept {
    Link& self = *static_cast<Link*>(userdata);
    std::uint8_t type = 0;
    sd_bus_message_get_type(message, &type);
    if (type == SD_BUS_MESSAGE_SIGNAL)
        self.signals_.push_back(Signal{sd_bus_message_get_path(message), sd_bus_message_get_interface(message),
                                       sd_bus_message_get_member(message), bus::Message::share(message)});
    return 0;
}

int Link::onAnswer(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept {
    Call& call = *static_cast<Call*>(userdata);
    if (const sd_bus_error* error = sd_bus_message_get_error(message)) {
        call.error = error->name;
        call.text = error->message ? error->message : "";
    }
    call.answer = bus::Message::share(message);
    call.done = true;
    return 0;
}

} // namespace scopewright::fake
