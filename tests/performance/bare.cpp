// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bare.h"

#include "base/fd.h"
#include "bus/codec.h"
#include "client.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <sstream>
#include <stdexcept>

namespace scopewright::performance {

namespace {

constexpr const char* kManagerPath = "/org/freedesktop/systemd1";
constexpr const char* kManager = "org.freedesktop.systemd1.Manager";

bus::BusHandle openBus() {
    sd_bus* raw = nullptr;
    bus::check(sd_bus_open_system(&raw), "connect to the system bus");
    return bus::BusHandle(raw);
}

std::string readFrom(const std::string& path) {
    char text[4096];
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) throw errnoError("open " + path, errno);
    const ssize_t size = ::read(fd.value(), text, sizeof text);
    return std::string(text, size > 0 ? static_cast<std::size_t>(size) : 0);
}

} // namespace

void writeTo(const std::string& path, std::string_view text) {
    const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd || ::write(fd.value(), text.data(), text.size()) < 0) throw errnoError("write " + path, errno);
}

std::string unitOf(const std::string& sandbox) {
    return "scopewright-0-" + sandbox + ".scope";
}

std::string directoryOf(const std::string& unit) {
    return std::string("/sys/fs/cgroup/") + kSlice + "/" + unit;
}

void moveToLeaf(const std::string& unit, pid_t pid) {
    const std::string scope = directoryOf(unit);
    const std::string leaf = scope + "/payload";
    if (::mkdir(leaf.c_str(), 0755) < 0) throw errnoError("make " + leaf, errno);
    writeTo(leaf + "/cgroup.procs", std::to_string(pid));
    std::string wanted;
    std::istringstream controllers(readFrom(scope + "/cgroup.controllers"));
    for (std::string controller; controllers >> controller;)
        wanted += (wanted.empty() ? "+" : " +") + controller;
    if (!wanted.empty()) writeTo(scope + "/cgroup.subtree_control", wanted);
}

Bare::Bare(Transport transport) : bus_(transport == Transport::Bus ? openBus() : integration::connectToPid1()) {
    sd_bus_slot* slot = nullptr;
    bus::check(sd_bus_add_match(bus_.get(), &slot,
                                "type='signal',path='/org/freedesktop/systemd1',"
                                "interface='org.freedesktop.systemd1.Manager',member='JobRemoved'",
                                onJobRemoved, this),
               "watch jobs");
    match_.reset(slot);
}

bus::Message Bare::request(const char* member, const std::string& unit, const char* mode) const {
    bus::Message call = bus::methodCall(bus_.get(), "org.freedesktop.systemd1", kManagerPath, kManager, member, unit);
    bus::append(call.raw(), mode);
    return call;
}

void Bare::add(const char* member, bus::Message call, const std::string& unit, Done done) {
    underway_.emplace(unit, std::move(done));
    bus::check(sd_bus_call_async(bus_.get(), nullptr, call.raw(), onReply, this, 0), member);
}

void Bare::begin(const std::string& unit, pid_t pid, Done done) {
    bus::Message call = request("StartTransientUnit", unit, "fail");
    bus::append(call.raw(), Properties{
                                {"Description", std::string("A scope of the benchmark")},
                                {"Slice", std::string(kSlice)},
                                {"Delegate", true},
                                {"DefaultDependencies", false},
                                {"CollectMode", std::string("inactive-or-failed")},
                                {"CPUAccounting", true},
                                {"MemoryAccounting", true},
                                {"IOAccounting", true},
                                {"TasksAccounting", true},
                                {"TimeoutStopUSec", std::uint64_t{10000000}},
                                {"PIDs", std::vector<std::uint32_t>{static_cast<std::uint32_t>(pid)}},
                            });
    bus::check(sd_bus_message_append(call.raw(), "a(sa(sv))", 0), "append no auxiliary units");
    add("start a scope", std::move(call), unit, [unit, pid, done = std::move(done)] {
        moveToLeaf(unit, pid);
        done();
    });
}

void Bare::start(const std::string& unit, pid_t pid) {
    bool over = false;
    begin(unit, pid, [&] { over = true; });
    while (!over)
        turn();
}

void Bare::stop(const std::string& unit) {
    bool over = false;
    add("stop a scope", request("StopUnit", unit, "replace"), unit, [&] { over = true; });
    while (!over)
        turn();
}

void Bare::turn() {
    const int handled = bus::check(sd_bus_process(bus_.get(), nullptr), "handle a message");
    if (!failure_.empty()) throw std::runtime_error(failure_);
    if (handled == 0) bus::check(sd_bus_wait(bus_.get(), UINT64_MAX), "wait for a message");
}

int Bare::onJobRemoved(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept {
    Bare& self = *static_cast<Bare*>(userdata);
    try {
        const auto [id, job, unit, result] =
            bus::unpack<std::uint32_t, bus::ObjectPath, std::string, std::string>(bus::Message::share(message));
        const auto found = self.underway_.find(unit);
        if (found == self.underway_.end()) return 0;
        const Done done = std::move(found->second);
        self.underway_.erase(found);
        if (result != "done") throw std::runtime_error("the job of " + unit + " ended with " + result);
        done();
    } catch (const std::exception& error) {
        self.failure_ = error.what();
    }
    return 0;
}

int Bare::onReply(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept {
    const sd_bus_error* error = sd_bus_message_get_error(message);
    if (error) static_cast<Bare*>(userdata)->failure_ = error->message ? error->message : error->name;
    return 0;
}

} // namespace scopewright::performance
