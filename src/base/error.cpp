// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/error.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>

namespace scopewright {

namespace {

struct Row {
    ErrorCode code;
    std::string_view name;
};

// clang-format off
constexpr std::array kNames{
    Row{ErrorCode::InvalidArgument,                  "org.freedesktop.DBus.Error.InvalidArgs"},
    Row{ErrorCode::AccessDenied,                     "org.freedesktop.DBus.Error.AccessDenied"},
    Row{ErrorCode::InteractiveAuthorizationRequired, "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"},
    Row{ErrorCode::LimitsExceeded,                   "org.freedesktop.DBus.Error.LimitsExceeded"},
    Row{ErrorCode::NotSupported,                     "org.freedesktop.DBus.Error.NotSupported"},
    Row{ErrorCode::Timeout,                          "org.freedesktop.DBus.Error.Timeout"},
    Row{ErrorCode::Io,                               "org.freedesktop.DBus.Error.IOError"},
    Row{ErrorCode::Failed,                           "org.freedesktop.DBus.Error.Failed"},
    Row{ErrorCode::ProcessUnknown,                   "org.freedesktop.DBus.Error.UnixProcessIdUnknown"},
    Row{ErrorCode::NoSuchSandbox,                    "org.scopewright1.Error.NoSuchSandbox"},
    Row{ErrorCode::SandboxExists,                    "org.scopewright1.Error.SandboxExists"},
    Row{ErrorCode::TokenMismatch,                    "org.scopewright1.Error.TokenMismatch"},
    Row{ErrorCode::NoSuchGroup,                      "org.scopewright1.Error.NoSuchGroup"},
    Row{ErrorCode::GroupExists,                      "org.scopewright1.Error.GroupExists"},
    Row{ErrorCode::Busy,                             "org.scopewright1.Error.Busy"},
    Row{ErrorCode::NotDelegated,                     "org.scopewright1.Error.NotDelegated"},
    Row{ErrorCode::UnitNameTaken,                    "org.scopewright1.Error.UnitNameTaken"},
    Row{ErrorCode::UnitFailed,                       "org.scopewright1.Error.UnitFailed"},
    Row{ErrorCode::ProcessNotAllowed,                "org.scopewright1.Error.ProcessNotAllowed"},
    Row{ErrorCode::ForeignUnit,                      "org.scopewright1.Error.ForeignUnit"},
    Row{ErrorCode::SliceNotAllowed,                  "org.scopewright1.Error.SliceNotAllowed"},
    Row{ErrorCode::PropertyNotAllowed,               "org.scopewright1.Error.PropertyNotAllowed"},
    Row{ErrorCode::ControllerUnavailable,            "org.scopewright1.Error.ControllerUnavailable"},
    Row{ErrorCode::WouldKill,                        "org.scopewright1.Error.WouldKill"},
    Row{ErrorCode::SystemdUnavailable,               "org.scopewright1.Error.SystemdUnavailable"},
    Row{ErrorCode::OutcomeUnknown,                   "org.scopewright1.Error.OutcomeUnknown"},
    Row{ErrorCode::UnitExists,                       "org.scopewright1.Error.UnitNameTaken"},
    Row{ErrorCode::NoSuchUnit,                       "org.scopewright1.Error.UnitFailed"},
    Row{ErrorCode::PropertyRefused,                  "org.freedesktop.DBus.Error.NotSupported"},
    Row{ErrorCode::NoReply,                          "org.scopewright1.Error.SystemdUnavailable"},
    Row{ErrorCode::NotFound,                         "org.freedesktop.DBus.Error.Failed"},
};
// clang-format on

static_assert(kNames.size() == kErrorCodes, "every ErrorCode has its D-Bus name");
static_assert(
    [] {
        for (std::size_t i = 0; i < kNames.size(); ++i)
            if (static_cast<std::size_t>(kNames[i].code) != i) return false;
        return true;
    }(),
    "the rows stand in the order of the enum");

ErrorCode codeOf(int error) {
    switch (error) {
        case EACCES:
        case EPERM: return ErrorCode::AccessDenied;
        case ESRCH: return ErrorCode::ProcessUnknown;
        case EBUSY: return ErrorCode::Busy;
        case EAGAIN:
        case EMFILE:
        case ENFILE:
        case ENOSPC: return ErrorCode::LimitsExceeded;
        default: return ErrorCode::Io;
    }
}

} // namespace

std::string_view dbusName(ErrorCode code) noexcept {
    return kNames[static_cast<std::size_t>(code)].name;
}

Error errnoError(std::string_view what, int error) {
    return Error(codeOf(error), std::string(what) + ": " + std::generic_category().message(error));
}

Error errnoError(std::string_view what) {
    return errnoError(what, errno);
}

std::string printable(std::string_view text) {
    constexpr std::size_t kLongest = 64;
    std::string out;
    for (char c : text) {
        char piece[5] = {c, '\0'};
        if (c < ' ' || c > '~' || c == '\\')
            std::snprintf(piece, sizeof piece, "\\x%02x", static_cast<unsigned char>(c));
        // What is to be read, not what came in: escapes are four times as long as what they stand for.
        if (out.size() + std::strlen(piece) > kLongest) return out + "...";
        out += piece;
    }
    return out;
}

std::string quoted(std::string_view text) {
    return "'" + printable(text) + "'";
}

} // namespace scopewright
