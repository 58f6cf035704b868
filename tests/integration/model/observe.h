// SPDX-License-Identifier: LGPL-2.1-or-later
// What is: asked of the daemon, of PID 1 and of the kernel, in the words of the model.
#pragma once

#include "child.h"
#include "client.h"
#include "model/model.h"
#include "model/world.h"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace scopewright::integration::model {

struct Observed {
    std::vector<std::string> lines;                       ///< as Model::lines()
    std::map<std::string, std::set<std::string>> skipped; ///< keys, by the unit, or the unit and the group
};

/// Knows what there is from InterfacesAdded and InterfacesRemoved alone.
class Follower {
public:
    explicit Follower(const Client& client);
    Follower(Follower&&) = delete;

    /// What was told to the client before its last answer is known afterwards.
    const std::set<std::string>& paths();

    /// Another daemon: begins with what that one has.
    void restart();

private:
    static int onSignal(sd_bus_message* message, void* userdata, sd_bus_error* error) noexcept;

    const Client& client_;
    bus::Slot slot_;
    std::set<std::string> paths_;
};

/// `home` is the control group in which the processes were started.
Observed observe(const Client& client, Follower& follower, const World& world,
                 const std::vector<std::unique_ptr<Child>>& processes, const std::string& home);

/// ListGroups and the properties of one sandbox, which say in their own way what observe() has from the object manager.
std::vector<std::string> groupLines(const Client& client, const std::string& id);

/// What of `value` is not in force, though no skip tells of it; "" if all is.
std::string notInForce(const Client& client, const World& world, const Observed& observed, const ModelValue& value);

} // namespace scopewright::integration::model
