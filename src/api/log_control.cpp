// SPDX-License-Identifier: LGPL-2.1-or-later
#include "api/log_control.h"

#include "base/log.h"

#include <array>
#include <cerrno>
#include <string_view>

namespace scopewright::api {

namespace {

struct LevelName {
    std::string_view name; ///< of syslog(3)
    log::Level level;
};

/// The first row of a level is the name it is shown by; there is none between error and the end of the world here.
constexpr std::array kLevels{
    LevelName{"err", log::Level::Error},   LevelName{"warning", log::Level::Warning},
    LevelName{"info", log::Level::Info},   LevelName{"debug", log::Level::Debug},
    LevelName{"emerg", log::Level::Error}, LevelName{"alert", log::Level::Error},
    LevelName{"crit", log::Level::Error},  LevelName{"notice", log::Level::Info},
};

int getLevel(sd_bus*, const char*, const char*, const char*, sd_bus_message* reply, void*, sd_bus_error*) noexcept {
    for (const LevelName& row : kLevels)
        if (row.level == log::level()) return sd_bus_message_append(reply, "s", row.name.data());
    return -EINVAL;
}

int setLevel(sd_bus*, const char*, const char*, const char*, sd_bus_message* value, void*,
             sd_bus_error* error) noexcept {
    const char* wanted = nullptr;
    if (const int r = sd_bus_message_read(value, "s", &wanted); r < 0) return r;
    for (const LevelName& row : kLevels) {
        if (row.name != wanted) continue;
        log::setLevel(row.level);
        return 0;
    }
    return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "'%s' is not a log level", wanted);
}

const char* target() noexcept {
    return log::toJournal() ? "journal" : "console";
}

int getTarget(sd_bus*, const char*, const char*, const char*, sd_bus_message* reply, void*, sd_bus_error*) noexcept {
    return sd_bus_message_append(reply, "s", target());
}

int setTarget(sd_bus*, const char*, const char*, const char*, sd_bus_message* value, void*,
              sd_bus_error* error) noexcept {
    const char* wanted = nullptr;
    if (const int r = sd_bus_message_read(value, "s", &wanted); r < 0) return r;
    if (std::string_view(wanted) == target()) return 0;
    return sd_bus_error_setf(error, SD_BUS_ERROR_NOT_SUPPORTED, "this daemon logs to the %s only", target());
}

int getIdentifier(sd_bus*, const char*, const char*, const char*, sd_bus_message* reply, void*,
                  sd_bus_error*) noexcept {
    return sd_bus_message_append(reply, "s", "scopewrightd");
}

// clang-format off
constexpr sd_bus_vtable kTable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_WRITABLE_PROPERTY("LogLevel", "s", getLevel, setLevel, 0, 0),
    SD_BUS_WRITABLE_PROPERTY("LogTarget", "s", getTarget, setTarget, 0, 0),
    SD_BUS_PROPERTY("SyslogIdentifier", "s", getIdentifier, 0, SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_VTABLE_END,
};
// clang-format on

} // namespace

LogControl::LogControl(bus::Connection& connection) {
    sd_bus_slot* slot = nullptr;
    bus::check(sd_bus_add_object_vtable(connection.raw(), &slot, "/org/freedesktop/LogControl1",
                                        "org.freedesktop.LogControl1", kTable, nullptr),
               "publish the log control");
    slot_.reset(slot);
}

} // namespace scopewright::api
