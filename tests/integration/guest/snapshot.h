// SPDX-License-Identifier: LGPL-2.1-or-later
// Everything that a refused request must leave as it is.
#pragma once

#include "error_names.h"
#include "guest/guest.h"

#include <algorithm>
#include <string>
#include <vector>

namespace scopewright::integration {

class Snapshot {
public:
    Snapshot(const Guest& guest, const std::vector<const Child*>& children) {
        for (const Pid1::Line& line : guest.systemd.list("*.scope"))
            // Where a worker came from ends when PID 1 has seen that it is left.
            if (!line.name.starts_with("work-")) lines_.push_back(line.name + " " + line.active);
        for (const SandboxLine& line : guest.list()) {
            lines_.push_back(line.id + " " + line.unit);
            for (const GroupLine& group : guest.groups(std::to_string(line.uid) + ":" + line.id))
                lines_.push_back(group.name + " " + group.controlGroup);
        }
        for (const char* slice : {"/scopewright.slice", "/machine.slice", "/kubepods.slice"})
            for (const std::string& group : treeOf(slice))
                // A slice that nobody uses any more PID 1 takes away at its leisure.
                if (group != slice) lines_.push_back(group);
        for (const std::string& group : treeOf("/user.slice"))
            // Of users there may be other things.
            if (group.find("/scopewright-") != std::string::npos) lines_.push_back(group);
        for (const Child* child : children)
            lines_.push_back(child->controlGroup() + (child->alive() ? " lives" : " is dead"));
        std::sort(lines_.begin(), lines_.end());
    }
    bool operator==(const Snapshot&) const = default;

private:
    std::vector<std::string> lines_;
};

/// Error messages are one line of ASCII for people, not too long, whatever the input was.
inline bool isPlainSentence(const std::string& text) {
    return !text.empty() && text.size() <= 300 &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

} // namespace scopewright::integration
