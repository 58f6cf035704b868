// SPDX-License-Identifier: LGPL-2.1-or-later
// The one exception type of this program, and the table that gives each code its D-Bus name.
#pragma once

#include <array>
#include <stdexcept>
#include <string>
#include <string_view>

namespace scopewright {

enum class ErrorCode {
    // What a caller can get as an answer.
    InvalidArgument,
    AccessDenied,
    InteractiveAuthorizationRequired,
    LimitsExceeded,
    NotSupported,
    Timeout,
    Io,
    Failed,
    ProcessUnknown,
    NoSuchSandbox,
    SandboxExists,
    TokenMismatch,
    NoSuchGroup,
    GroupExists,
    Busy,
    NotDelegated,
    UnitNameTaken,
    UnitFailed,
    ProcessNotAllowed,
    ForeignUnit,
    SliceNotAllowed,
    PropertyNotAllowed,
    ControllerUnavailable,
    WouldKill,
    SystemdUnavailable,
    OutcomeUnknown,
    // What PID 1 says to us; the layers above turn these into one of the former.
    UnitExists,
    NoSuchUnit,
    PropertyRefused,
    NoReply,
    NotFound,
};

/// The name under which callers get the error; what PID 1 says to us has one too, for the case that it gets through.
std::string_view dbusName(ErrorCode code) noexcept;

/// How many codes there are.
inline constexpr std::size_t kErrorCodes = static_cast<std::size_t>(ErrorCode::NotFound) + 1;

class Error : public std::runtime_error {
public:
    Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}

    ErrorCode code() const noexcept { return code_; }

private:
    ErrorCode code_;
};

/// An Io error whose message is "<what>: <strerror(errno)>"; well-known errnos get a better code.
Error errnoError(std::string_view what, int error);
Error errnoError(std::string_view what);

/// `text` made safe for a message or a log line: printable ASCII, everything else escaped, cut to 64 bytes.
std::string printable(std::string_view text);

/// `text` in single quotes, made safe with printable(); messages name objects this way.
std::string quoted(std::string_view text);

} // namespace scopewright
