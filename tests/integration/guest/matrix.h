// SPDX-License-Identifier: LGPL-2.1-or-later
// Resource sets and the files that shall come of them, as a person computed them from the specification, the kernel's
// documentation and what PID 1 is known to do; nothing in here asks our own code.
#pragma once

#include "base/value.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace scopewright::integration::matrix {

/// A file in the scope, or "payload/FILE", and its text: for systemd `from` up to, but not including, `below`.
/// "Skipped" stands for the keys that are told as not in force, sorted; it is empty where a set does not name it.
struct File {
    const char* name;
    const char* text;
    unsigned from = 0;
    unsigned below = 1000;
};
using Files = std::vector<File>;

/// In texts of all kinds DISK is the number of a block device that is there ("259:0"), MAJOR and MINOR its halves.
struct Set {
    const char* name;
    Properties asked;
    Files files;
    Properties update;
    /// In place of those of the same name in `files`; what is not here has to stay.
    Files after;
};

/// Quotas are rounded to whole percents below, to hundredths from it on.
inline constexpr unsigned kFineQuota = 256;
/// OOMPolicy is a property of scopes from it on.
inline constexpr unsigned kOomPolicy = 253;
/// The guests with it have a kernel that has the files of zswap.
inline constexpr unsigned kZswap = 262;
/// The guests with it have a kernel that lets the set of a group with processes be emptied.
inline constexpr unsigned kEmptySet = 262;
/// What kernels say to be the weight of an idle group: that of the guest of 252, and the newer ones.
inline constexpr File kOldIdleWeight{"cpu.weight", "0", 0, 257};
inline constexpr File kNewIdleWeight{"cpu.weight", "1", 257};

inline Property number(const char* key, std::int64_t value) {
    return {key, value};
}
inline Property text(const char* key, const char* value) {
    return {key, std::string(value)};
}
inline Property json(const char* value) {
    return {"resources", std::string(value)};
}
inline Property numbers(const char* key, std::vector<std::pair<std::string, std::uint64_t>> value) {
    return {key, std::move(value)};
}
inline Property unified(std::vector<std::pair<std::string, std::string>> value) {
    return {"unified", std::move(value)};
}

std::vector<Set> memorySets();
std::vector<Set> cpuSets();
std::vector<Set> otherSets(); ///< tasks, huge pages, devices of RDMA, what only v1 had, and all at once
std::vector<Set> ioSets();
std::vector<Set> unifiedSets();

} // namespace scopewright::integration::matrix
