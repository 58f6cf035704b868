// SPDX-License-Identifier: LGPL-2.1-or-later
// What a group is: an extended attribute on one of its files, written last. A group without it does not exist; it goes
// with the group, so nothing can outlive what it describes.
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

/// Nothing for a file without a mark, or with one that cannot be read.
std::optional<Mark> readMark(int fd);

} // namespace scopewright::state
