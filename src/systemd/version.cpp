// SPDX-License-Identifier: LGPL-2.1-or-later
#include "systemd/version.h"

#include "base/error.h"
#include "bus/bus.h"

#include <array>
#include <charconv>
#include <cstdlib>
#include <memory>

namespace scopewright::systemd {

namespace {

/// Stable series in which something is wrong that was mended in them later.
struct Flaw {
    unsigned number;
    unsigned mendedIn;
    std::string_view name;
};

// clang-format off
constexpr std::array kFlaws{
    // AttachProcessesToUnit() of an unprivileged caller ends in an assertion where the unit has no User=.
    Flaw{257, 11, "CVE-2026-40223"},
    Flaw{258,  5, "CVE-2026-40223"},
    Flaw{259,  2, "CVE-2026-40223"},
};
// clang-format on

/// Takes the number in front away; nothing if there is none, or one that is followed by something that belongs to it.
std::optional<unsigned> takeNumber(std::string_view& text) {
    unsigned number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view rest = text.substr(static_cast<std::size_t>(end - text.data()));
    const bool ended = rest.empty() || std::string_view(".-~+ ").find(rest.front()) != std::string_view::npos;
    if (error != std::errc() || !ended) return std::nullopt;
    text = rest;
    return number;
}

} // namespace

Version parseVersion(std::string_view text) {
    std::string_view rest = text;
    if (rest.starts_with('v')) rest.remove_prefix(1);
    const std::optional<unsigned> number = takeNumber(rest);
    if (number.value_or(0) == 0)
        throw Error(ErrorCode::NotSupported, "systemd says its version is " + quoted(text) + ", which is no version");
    Version version{*number, 0};
    if (!rest.starts_with('.')) return version;
    rest.remove_prefix(1);
    version.patch = takeNumber(rest).value_or(0);
    return version;
}

std::optional<std::string_view> knownFlaw(const Version& version) {
    for (const Flaw& flaw : kFlaws)
        if (flaw.number == version.number && version.patch < flaw.mendedIn) return flaw.name;
    return std::nullopt;
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
    return parseVersion(text).number;
}

} // namespace scopewright::systemd
