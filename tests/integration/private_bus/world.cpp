// SPDX-License-Identifier: LGPL-2.1-or-later
#include "private_bus/world.h"

#include "base/fd.h"
#include "wait.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <stdexcept>

namespace scopewright::integration {

namespace {

pid_t processOf(const Client& client) {
    const Answer answer = client.bus("GetConnectionUnixProcessID", "org.scopewright1");
    return answer.ok() ? static_cast<pid_t>(std::get<0>(answer.get<std::uint32_t>())) : 0;
}

/// The bus notices by itself that its client is dead.
void end(const Client& client, int signal) {
    const pid_t pid = processOf(client);
    if (pid == 0) return;
    const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    ::kill(pid, signal);
    pollfd exited{process.value(), POLLIN, 0};
    const bool dead = ::poll(&exited, 1, static_cast<int>(patience().count())) == 1;
    if (!dead || !eventually([&] { return processOf(client) != pid; }))
        throw std::runtime_error("the daemon does not end");
}

template <class... Args>
void ask(const Client& client, const char* member, const Args&... args) {
    client
        .send(bus::methodCall(client.raw(), "org.freedesktop.systemd1", "/org/scopewright1/test",
                              "org.scopewright1.Test", member, args...))
        .must();
}

} // namespace

model::World worldOf(const PrivateBus& bus) {
    const std::shared_ptr<Client> client = std::make_shared<Client>();
    model::World world;
    world.root = bus.mountPoint();
    world.slice = bus.prefix() + "/scopewright.slice";
    world.daemon = [client] { return processOf(*client); };
    world.crash = [client] { end(*client, SIGKILL); };
    world.leave = [client] { end(*client, SIGTERM); };
    world.reload = [client] { ask(*client, "Reload"); };
    world.end = [client](const std::string& unit) { ask(*client, "Stop", unit); };
    return world;
}

} // namespace scopewright::integration
