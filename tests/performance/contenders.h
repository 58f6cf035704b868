// SPDX-License-Identifier: LGPL-2.1-or-later
// Those who start the same scope, one way each.
#pragma once

#include "bare.h"
#include "client.h"

#include <memory>
#include <string>
#include <vector>

namespace scopewright::performance {

class Contender {
public:
    Contender() = default;
    Contender(Contender&&) = delete;
    virtual ~Contender() = default;

    virtual const char* name() const = 0;
    /// Starts a scope of that name with that process in its leaf; how long that took, in microseconds.
    virtual double start(const std::string& name, pid_t pid) = 0;
    /// Ends it; its process lives.
    virtual double stop(const std::string& name) = 0;
    virtual std::string unit(const std::string& name) const { return "bench-" + name + ".scope"; }
};

std::unique_ptr<Contender> bare(Transport transport);

/// By a program beside this one, which measures by its own clock: there is no pipe in its times.
std::unique_ptr<Contender> libcontainer();

std::unique_ptr<Contender> scopewright();

/// As a CreateSandbox call of that client.
bus::Message createRequest(const integration::Client& client, const std::string& name, pid_t pid);

/// Kills a process, reaps it, and waits until its scope's directory is gone, which makes the next start like the first.
class Payload {
public:
    explicit Payload(std::string unit);
    Payload(Payload&&) = delete;
    ~Payload();

    pid_t pid() const noexcept { return pid_; }

private:
    std::string unit_;
    pid_t pid_;
};

} // namespace scopewright::performance
