// SPDX-License-Identifier: LGPL-2.1-or-later
// What a group is: an extended attribute on one of its files, written last. A group without it does not exist; it goes
// with the group, so nothing can outlive what it describes. Beside it stands for a while what a group is to become.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace scopewright::state {

struct Mark {
    std::string kind;      ///< "payload", "compat"
    std::string name;      ///< as the caller named it
    std::string resources; ///< what was asked for, as the limits layer writes it
    /// Resources that are not in force, and the cause.
    std::vector<std::pair<std::string, std::string>> skipped;

    bool operator==(const Mark&) const = default;
};

std::string toText(const Mark& mark);
std::optional<Mark> parseMark(std::string_view text);

/// `fd` is the group's boundary file. Throws when the kernel refuses.
void setMark(int fd, const Mark& mark);

/// Nothing for a file without a mark, or with one that makes no sense; nor for one that belongs to another uid, who
/// could write there what they like. Throws when the kernel does not say.
std::optional<Mark> readMark(int fd);

/// Whether there is a mark, one that makes no sense too.
bool isMarked(int fd);

void removeMark(int fd);

/// What an update is about to put in force: written before its first step and cleared after its last, so that a daemon
/// that finds one knows what to finish.
void setIntent(int fd, const std::string& resources);
std::optional<std::string> readIntent(int fd);
void clearIntent(int fd);

} // namespace scopewright::state
