// SPDX-License-Identifier: LGPL-2.1-or-later
// The names of errors, as a client sees them.
#pragma once

namespace scopewright::integration {

inline constexpr const char* kInvalid = "org.freedesktop.DBus.Error.InvalidArgs";
inline constexpr const char* kDenied = "org.freedesktop.DBus.Error.AccessDenied";
inline constexpr const char* kChallenge = "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired";
inline constexpr const char* kLimits = "org.freedesktop.DBus.Error.LimitsExceeded";
inline constexpr const char* kNoProcess = "org.freedesktop.DBus.Error.UnixProcessIdUnknown";
inline constexpr const char* kNotAllowed = "org.scopewright1.Error.PropertyNotAllowed";
inline constexpr const char* kBadSlice = "org.scopewright1.Error.SliceNotAllowed";
inline constexpr const char* kBadProcess = "org.scopewright1.Error.ProcessNotAllowed";
inline constexpr const char* kNoSandbox = "org.scopewright1.Error.NoSuchSandbox";
inline constexpr const char* kNoGroup = "org.scopewright1.Error.NoSuchGroup";
inline constexpr const char* kGroupExists = "org.scopewright1.Error.GroupExists";
inline constexpr const char* kSandboxExists = "org.scopewright1.Error.SandboxExists";
inline constexpr const char* kMismatch = "org.scopewright1.Error.TokenMismatch";
inline constexpr const char* kForeignUnit = "org.scopewright1.Error.ForeignUnit";
inline constexpr const char* kUnitFailed = "org.scopewright1.Error.UnitFailed";
inline constexpr const char* kBusy = "org.scopewright1.Error.Busy";

} // namespace scopewright::integration
