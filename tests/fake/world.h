// SPDX-License-Identifier: LGPL-2.1-or-later
// A machine in miniature: a link whose far end is the bus and PID 1, real control groups, clients and child processes.
#pragma once

#include "bus_driver.h"
#include "child.h"
#include "fake_polkit.h"
#include "fake_systemd.h"
#include "link.h"

#include <memory>
#include <string>
#include <vector>

namespace scopewright::fake {

class World : public Link {
public:
    /// Unique names of clients that are there from the start.
    static constexpr const char* kRoot = ":1.10";      ///< uid 0
    static constexpr const char* kAlice = ":1.11";     ///< uid 1001
    static constexpr const char* kBob = ":1.12";       ///< uid 1002
    static constexpr const char* kStranger = ":1.999"; ///< nobody knows

    World();
    ~World();

    FakeSystemd systemd;
    BusDriver driver;
    FakePolkit polkit; ///< absent until it has a rule

    CgroupTree& tree() noexcept { return systemd.tree(); }

    /// A process in a service of its own; it lives as long as the world.
    Child& child(Child::Kind kind = Child::Kind::Sleeping);

    /// … in `controlGroup`, given without the private prefix.
    Child& childIn(const std::string& controlGroup, Child::Kind kind = Child::Kind::Sleeping);

    const std::vector<std::unique_ptr<Child>>& processes() const noexcept { return processes_; }

    void disconnect();
    void connect();

private:
    unsigned children_ = 0;
    std::vector<std::unique_ptr<Child>> processes_;
};

} // namespace scopewright::fake
