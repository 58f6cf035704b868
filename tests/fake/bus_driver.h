// SPDX-License-Identifier: LGPL-2.1-or-later
// What the bus itself answers, for connections that have no bus: who is behind a name.
#pragma once

#include <systemd/sd-bus.h>

#include <cstdint>
#include <map>
#include <string>

namespace scopewright::fake {

class BusDriver {
public:
    BusDriver() = default;
    BusDriver(BusDriver&&) = delete;
    ~BusDriver() { detach(); }

    void attach(sd_bus* bus);
    void detach();

    struct Credentials {
        std::uint32_t uid;
        std::uint32_t pid;
    };

    /// Connections by unique name; whoever is not here has left.
    std::map<std::string, Credentials> clients;
    std::map<std::string, std::string> owners; ///< well-known name → unique name
    std::size_t questions = 0;

    /// Takes the client away and tells everybody.
    void leave(const std::string& name);
    void ownerChanged(const std::string& name, const std::string& before, const std::string& after);

private:
    static int onCall(sd_bus_message* message, void* userdata, sd_bus_error* error) noexcept;

    sd_bus* bus_ = nullptr;
    sd_bus_slot* slot_ = nullptr;
};

} // namespace scopewright::fake
