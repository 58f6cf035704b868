// SPDX-License-Identifier: LGPL-2.1-or-later
// What is known of the sandboxes, and what everything that deals with them shares.
#pragma once

#include "async/completion.h"
#include "cgroup/group.h"
#include "cgroup/watch.h"
#include "config/config.h"
#include "sandbox/sandbox.h"
#include "systemd/manager.h"
#include "systemd/units.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace scopewright::sandbox {

/// The machine as this daemon sees it. `config` may change under it; each operation reads it when it begins.
struct Host {
    sd_event* event;
    systemd::Manager& systemd;
    unsigned systemdVersion;
    std::optional<std::string_view> systemdFlaw; ///< see systemd::knownFlaw()
    cgroup::Group root;
    cgroup::Group top;        ///< whose controllers there are for scopes: the root, or what a user's manager was given
    std::string systemdGroup; ///< below which systemd's slices lie, as /proc/PID/cgroup writes it; "" is the root
    const config::Config& config;
};

class Registry {
public:
    /// `units` is asked to look again at a unit whose scope turned out to be gone.
    Registry(const Host& host, Observer& observer, systemd::UnitsObserver& units)
        : host_(host), observer_(observer), units_(units) {}

    const std::map<Key, Sandbox>& all() const noexcept { return sandboxes_; }
    Sandbox* find(const Key& key);
    /// The one that had this serial, if it is still there.
    Sandbox* find(const Key& key, std::uint64_t serial);
    /// NoSuchSandbox if there is none.
    const Sandbox& at(const Key& key) const;
    Sandbox& at(const Key& key);
    /// The same, and Busy if it is not up or something is under way with it.
    Sandbox& ready(const Key& key);
    Sandbox* ofUnit(const std::string& unit);
    const Sandbox* ofUnit(const std::string& unit) const;
    /// The sandbox below whose scope `controlGroup` lies, if any.
    const Sandbox* containing(std::string_view controlGroup) const;

    /// What an owner has, those that are starting or stopping too.
    struct Usage {
        std::size_t sandboxes = 0;
        std::size_t groups = 0;
    };
    Usage usage(uid_t owner) const;

    /// NoSuchSandbox if the kernel has it no more.
    cgroup::Group scopeOf(const Sandbox& sandbox) const;
    /// The same for a group of it, and NoSuchGroup.
    cgroup::Group directoryOf(const Sandbox& sandbox, const Group& group) const;

    /// A sandbox that is not announced yet; its key and its unit must be free.
    Sandbox& add(Sandbox sandbox);
    /// Where PID 1 has put it.
    void place(Sandbox& sandbox, const std::string& controlGroup);
    Group& addGroup(Sandbox& sandbox, Group group);
    Group removeGroup(Sandbox& sandbox, const std::string& name);
    void changeState(Sandbox& sandbox, State state);
    /// From now on clients know of it.
    void announce(Sandbox& sandbox, State state);
    void retire(const Key& key, const std::string& reason);

    /// Wakes when a sandbox has come, gone or changed its state.
    async::Broadcast& changed() noexcept { return changed_; }

    /// Has the kernel tell when somebody writes to the scope's files; where nothing was asked for, nothing can be lost.
    void watch(Sandbox& sandbox) noexcept;
    const cgroup::Watch& filesWatch() const noexcept { return watch_; }
    /// In whose scopes files were written since the last time.
    std::vector<Key> written() const;

    Observer& observer() const noexcept { return observer_; }

private:
    const Host& host_;
    Observer& observer_;
    systemd::UnitsObserver& units_;
    std::map<Key, Sandbox> sandboxes_;
    std::unordered_map<std::string, Key> byUnit_;
    std::unordered_map<std::string, Key> byControlGroup_;
    std::unordered_map<uid_t, Usage> usage_;
    std::uint64_t lastSerial_ = 0;
    cgroup::Watch watch_{cgroup::Watch::For::Writes};
    std::map<int, Key> watched_;
    async::Broadcast changed_;
};

} // namespace scopewright::sandbox
