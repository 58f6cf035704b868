// SPDX-License-Identifier: LGPL-2.1-or-later
// The whole service on one connection: PID 1's client, the registry, the objects. What is not here is the process:
// its name on the bus, its signals, its end.
#pragma once

#include "api/context.h"
#include "api/group_object.h"
#include "api/manager_object.h"
#include "api/sandbox_object.h"
#include "async/scope.h"
#include "async/task.h"
#include "bus/bus.h"
#include "bus/client.h"
#include "bus/lines.h"
#include "config/config.h"
#include "sandbox/sandboxes.h"
#include "systemd/link.h"
#include "systemd/manager.h"
#include "systemd/units.h"
#include "systemd/version.h"

#include <functional>
#include <map>
#include <optional>
#include <string>

namespace scopewright::api {

/// Whose scopes: PID 1's, or those of a user's own manager.
enum class Instance { System, User };

class Service final : private sandbox::Observer {
public:
    using LoadConfig = std::function<config::Config()>;

    /// `loadConfig` is what Reload calls; without it Reload keeps what there is.
    Service(bus::Connection& connection, cgroup::Group root, config::Config config, LoadConfig loadConfig = {},
            Instance instance = Instance::System);
    Service(Service&&) = delete;
    ~Service();

    /// Learns PID 1's version and what exists, then publishes the objects. Ends with an Error if PID 1 cannot be had
    /// or is older than what this daemon knows.
    async::Task<void> start();

    /// Nothing is under way: no call has been read or is being answered, nothing goes on in the background.
    bool idle() const noexcept;
    /// Grows with every call and every operation.
    std::size_t activity() const noexcept { return operations_.spawned(); }
    /// How many sandboxes there are.
    std::size_t count() const noexcept;

    const config::Config& config() const noexcept { return config_; }
    void reload();

    /// Runs until its end with everything this object has.
    void spawn(async::Task<void> task) { operations_.spawn(std::move(task)); }

private:
    /// Whose controllers there are for scopes.
    cgroup::Group findTop(const std::string& systemdGroup) const;
    static int onMessage(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept;
    /// False if it is to be answered now.
    bool receive(const bus::Message& call);
    async::Task<void> introduce(bus::Message call, std::string name);

    void sandboxAdded(const sandbox::Sandbox& sandbox) override;
    void sandboxRemoved(const sandbox::Sandbox& sandbox, const std::string& reason) override;
    void stateChanged(const sandbox::Sandbox& sandbox) override;
    void groupAdded(const sandbox::Sandbox& sandbox, const sandbox::Group& group) override;
    void resourcesChanged(const sandbox::Sandbox& sandbox) override;
    void groupChanged(const sandbox::Sandbox& sandbox, const sandbox::Group& group) override;
    void groupRemoved(const sandbox::Sandbox& sandbox, const sandbox::Group& group) override;

    /// What exists only once PID 1's version is known.
    struct Published {
        Published(Service& service, const systemd::Version& version, const std::string& systemdGroup);

        sandbox::Sandboxes sandboxes;
        systemd::Units units;
        Changes changes;
        Context context;
        bus::Slot filter;
        bus::Slot objectManager;
        std::optional<ManagerObject> manager;
        std::optional<SandboxObject> sandbox;
        std::optional<GroupObject> group;
    };

    bus::Connection& connection_;
    cgroup::Group root_;
    config::Config config_;
    LoadConfig loadConfig_;
    Instance instance_;
    bus::Callers callers_;
    bus::Lines lines_;
    std::map<std::string, std::size_t> introduced_; ///< how many calls of a connection wait until it is known
    auth::Polkit polkit_;
    systemd::Link link_;
    systemd::Manager systemd_;
    std::optional<Published> published_;
    async::Scope operations_; ///< last, so that its tasks end before what they use
};

} // namespace scopewright::api
