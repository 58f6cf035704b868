// SPDX-License-Identifier: LGPL-2.1-or-later
// Sandbox ids and unit names: which are allowed, and how one follows from the other.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

namespace scopewright::sandbox {

/// A sandbox is named by its owner and by the id the owner chose: two owners may choose the same.
struct Key {
    uid_t uid = 0;
    std::string id;

    auto operator<=>(const Key&) const = default;
};

/// Throws InvalidArgument unless `id` is [a-z0-9][a-z0-9_.-]{0,63}.
void checkId(std::string_view id);

/// "web" for a sandbox of who runs the daemon, "1000:web" for another owner's: what a caller writes to name a sandbox,
/// and what the object path carries. An id has no colon, so the two cannot be confused.
std::string label(const Key& key);

/// The sandbox that `text` means when `uid` says it: a plain id is the caller's own. Throws InvalidArgument.
Key keyOf(std::string_view text, uid_t uid);

/// "scopewright-<uid>-<id>.scope".
std::string defaultUnit(const Key& key);

/// Whether it is of the form that defaultUnit() gives.
bool isDefaultUnit(std::string_view unit);

/// "a-b.slice" lies in "/a.slice/a-b.slice".
std::string slicePath(std::string_view slice);

/// Throws InvalidArgument unless `unit` is a scope's name that a caller may choose: [A-Za-z0-9][A-Za-z0-9:_.-]*.scope,
/// not one of systemd's own nor of the form this daemon gives by itself.
void checkUnitName(std::string_view unit);

/// The slice in which a scope's control group lies.
std::string sliceOf(const std::string& controlGroup);

/// OCI's cgroupsPath in its systemd form, "slice:prefix:name". An empty slice is left empty; an empty prefix gives
/// "name.scope".
struct UnitPlace {
    std::string slice;
    std::string unit;
};
UnitPlace parseCgroupsPath(std::string_view path);

} // namespace scopewright::sandbox
