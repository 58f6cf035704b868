// SPDX-License-Identifier: LGPL-2.1-or-later
#include "systemd/version.h"

#include "base/error.h"
#include "bus/bus.h"

#include <charconv>
#include <cstdlib>
#include <memory>

namespace scopewright::systemd {

unsigned parseVersion(std::string_view text) {
    std::string_view digits = text;
    if (digits.starts_with('v')) digits.remove_prefix(1);
    unsigned version = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), version);
    const std::string_view rest(end, static_cast<std::size_t>(digits.data() + digits.size() - end));
    const bool ended = rest.empty() || std::string_view(".-~+ ").find(rest.front()) != std::string_view::npos;
    if (error != std::errc() || !ended || version == 0)
        throw Error(ErrorCode::NotSupported, "systemd says its version is " + quoted(text) + ", which is no version");
    return version;
}

unsigned runningVersion() {
    sd_bus* opened = nullptr;
    bus::check(sd_bus_open_system(&opened), "connect to the system bus");
    const bus::BusHandle bus(opened);
    sd_bus_error error{};
    char* text = nullptr;
    const int result = sd_bus_get_property_string(bus.get(), "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                                  "org.freedesktop.systemd1.Manager", "Version", &error, &text);
    sd_bus_error_free(&error);
    bus::check(result, "ask PID 1 for its version");
    const std::unique_ptr<char, decltype(&std::free)> owned(text, &std::free);
    return parseVersion(text);
}

} // namespace scopewright::systemd
