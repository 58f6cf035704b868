// SPDX-License-Identifier: LGPL-2.1-or-later
// A world in which the daemon's service runs, and what its clients do there.
#pragma once

#include "api/service.h"
#include "world.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace scopewright::fake {

class DaemonWorld : public World {
public:
    static constexpr const char* kManagerPath = "/org/scopewright1";
    static constexpr const char* kManager = "org.scopewright1.Manager";
    static constexpr const char* kSandbox = "org.scopewright1.Sandbox";
    static constexpr const char* kGroup = "org.scopewright1.Group";

    explicit DaemonWorld(config::Config config = quick());
    ~DaemonWorld();

    /// Defaults that keep a test short: a job has two seconds.
    static config::Config quick();

    api::Service& service() { return *service_; }

    /// The service and its connection vanish, whatever was under way; PID 1 and the kernel go on.
    void crash();
    /// The service goes and its connection stays, so that its last words can be heard.
    void stopService() { service_.reset(); }
    /// A new service on a new connection, after crash() or not.
    void restart();
    /// The same without waiting for the service to have learnt everything.
    void restartWithoutWaiting();
    /// From the next one on services ask PID 1 on its own socket.
    void useSocket(const std::string& path) { config_.systemdSocket = path; }

    /// Runs the loop until the call is answered, and gives it back.
    Pending answer(Pending call);

    // The manager's methods, as `sender`; not awaited.
    template <class... Args>
    Pending manager(const std::string& sender, const std::string& member, const Args&... args) {
        return call(sender, kManagerPath, kManager, member, args...);
    }
    Pending create(const std::string& id, const Properties& properties, const char* sender = kRoot) {
        return manager(sender, "CreateSandbox", id, properties, std::uint64_t(0));
    }
    Pending createCompat(const std::string& id, const std::string& group, const Properties& properties = {},
                         const char* sender = kRoot) {
        return manager(sender, "CreateCompatGroup", id, group, properties, std::uint64_t(0));
    }

    /// A property of an object, as text: of a list its items between spaces, "" if it cannot be had.
    std::string property(const std::string& path, const std::string& interface, const std::string& name,
                         const char* sender = kRoot);

    /// "id unit uid object" of each sandbox that `sender` sees.
    std::vector<std::string> list(const char* sender = kRoot);
    /// "name kind" of each group.
    std::vector<std::string> groups(const std::string& id);
    std::string describe();

    /// Everything a failed request must leave as it was: units, groups, and where the processes live.
    struct Snapshot {
        std::vector<std::string> units;
        std::vector<std::string> groups;
        std::vector<std::string> sandboxes;
        std::vector<std::string> places;

        bool operator==(const Snapshot&) const = default;
    };
    Snapshot snapshot();

    std::string unitOf(const std::string& id) const { return "scopewright-0-" + id + ".scope"; }
    std::string scopeOf(const std::string& id) { return tree().prefix() + "/scopewright.slice/" + unitOf(id); }

private:
    config::Config config_;
    std::optional<api::Service> service_;
};

/// "PIDs" of these children.
Properties pids(const std::vector<const Child*>& children);
Properties pids(const Child& child);
/// `properties` with one more.
Properties with(Properties properties, const std::string& name, Value value);

} // namespace scopewright::fake
