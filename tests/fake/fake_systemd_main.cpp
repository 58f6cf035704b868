// SPDX-License-Identifier: LGPL-2.1-or-later
// The fake PID 1 as a program on a private bus, where it owns org.freedesktop.systemd1, and on a socket of its own.
// Prints one line with the mount point, its private control group and the socket when it is ready; ends on SIGTERM or
// with the bus. Exit status 3: it was misused.
#include "fake_systemd.h"
#include "private_socket.h"

#include <signal.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>

using scopewright::fake::FakeSystemd;
using scopewright::fake::PrivateSocket;

namespace {

constexpr const char* kTestPath = "/org/scopewright1/test";
constexpr const char* kTestInterface = "org.scopewright1.Test";

void check(int result, const char* what) {
    if (result < 0) throw std::runtime_error(std::string(what) + ": " + std::strerror(-result));
}

/// What a test may want from outside: Reload(), AddUnit(s name, s description, s state), Stop(s), Release(s name,
/// s result), Log() → as, Misuses() → as.
int onTestCall(sd_bus_message* m, void* userdata, sd_bus_error*) noexcept {
    FakeSystemd& systemd = *static_cast<FakeSystemd*>(userdata);
    try {
        const std::string member = sd_bus_message_get_member(m);
        const char* name = "";
        const char* second = "";
        const char* third = "";
        if (member == "Log" || member == "Misuses") {
            sd_bus_message* reply = nullptr;
            check(sd_bus_message_new_method_return(m, &reply), "reply");
            check(sd_bus_message_open_container(reply, 'a', "s"), "reply");
            for (const std::string& line : member == "Log" ? systemd.log() : systemd.misuses())
                check(sd_bus_message_append(reply, "s", line.c_str()), "reply");
            check(sd_bus_message_close_container(reply), "reply");
            const int sent = sd_bus_send(nullptr, reply, nullptr);
            sd_bus_message_unref(reply);
            return sent;
        }
        if (member == "Reload") {
            systemd.reload();
        } else if (member == "AddUnit") {
            check(sd_bus_message_read(m, "sss", &name, &second, &third), "read AddUnit");
            systemd.addUnit(name, second, third);
        } else if (member == "Stop") {
            check(sd_bus_message_read(m, "s", &name), "read Stop");
            systemd.stop(name);
        } else if (member == "Release") {
            check(sd_bus_message_read(m, "ss", &name, &second), "read Release");
            systemd.release(name, second);
        } else {
            return 0;
        }
        return sd_bus_reply_method_return(m, nullptr);
    } catch (const std::exception& error) {
        return sd_bus_reply_method_errorf(m, "org.freedesktop.DBus.Error.Failed", "%s", error.what());
    }
}

int run(const std::string& version) {
    sd_event* event = nullptr;
    check(sd_event_default(&event), "event loop");
    const std::unique_ptr<sd_event, decltype(&sd_event_unref)> loop(event, sd_event_unref);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    check(sd_event_add_signal(event, nullptr, SIGTERM, nullptr, nullptr), "SIGTERM");
    check(sd_event_add_signal(event, nullptr, SIGINT, nullptr, nullptr), "SIGINT");

    sd_bus* raw = nullptr;
    check(sd_bus_open_system(&raw), "connect to the bus");
    const std::unique_ptr<sd_bus, decltype(&sd_bus_flush_close_unref)> bus(raw, sd_bus_flush_close_unref);
    FakeSystemd systemd(event);
    systemd.version = version;
    systemd.attach(raw, false);
    const PrivateSocket socket(systemd, event);
    check(sd_bus_add_object(raw, nullptr, kTestPath, onTestCall, &systemd), kTestInterface);
    check(sd_bus_attach_event(raw, event, 0), "attach");
    check(sd_bus_set_exit_on_disconnect(raw, 1), "exit with the bus");
    check(sd_bus_request_name(raw, "org.freedesktop.systemd1", 0), "take the name");
    std::printf("%s %s %s\n", systemd.tree().mountPoint().c_str(), systemd.tree().prefix().c_str(),
                socket.path().c_str());
    std::fflush(stdout);
    sd_event_loop(event);
    for (const std::string& misuse : systemd.misuses())
        std::fprintf(stderr, "misuse: %s\n", misuse.c_str());
    return systemd.misuses().empty() ? 0 : 3;
}

} // namespace

int main(int argc, char** argv) {
    try {
        return run(argc > 1 ? argv[1] : "252.39-1~deb12u2");
    } catch (const std::exception& error) {
        std::fprintf(stderr, "fake-systemd: %s\n", error.what());
        return 1;
    }
}
