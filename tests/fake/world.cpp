// SPDX-License-Identifier: LGPL-2.1-or-later
#include "world.h"

#include <unistd.h>

namespace scopewright::fake {

World::World() : systemd(event()) {
    // The callers' pids are looked at only for their namespace, which is ours.
    const std::uint32_t self = static_cast<std::uint32_t>(::getpid());
    driver.clients = {{kRoot, {0, self}}, {kAlice, {1001, self}}, {kBob, {1002, self}}};
    driver.clients[FakeSystemd::kUniqueName] = BusDriver::Credentials{0, 1};
    driver.owners = {{"org.freedesktop.systemd1", FakeSystemd::kUniqueName}};
    systemd.attach(peer(), true);
    driver.attach(peer());
    polkit.attach(peer());
}

World::~World() {
    disconnect();
}

void World::disconnect() {
    polkit.detach();
    driver.detach();
    systemd.detach();
    Link::disconnect();
}

void World::connect() {
    Link::connect();
    systemd.attach(peer(), true);
    driver.attach(peer());
    polkit.attach(peer());
}

Child& World::child(Child::Kind kind) {
    return childIn("/runtime.slice/runtime-" + std::to_string(children_++) + ".service", kind);
}

Child& World::childIn(const std::string& controlGroup, Child::Kind kind) {
    processes_.push_back(std::make_unique<Child>(tree(), tree().prefix() + controlGroup, kind));
    return *processes_.back();
}

} // namespace scopewright::fake
