// SPDX-License-Identifier: LGPL-2.1-or-later
// What the kernel keeps of groups that are gone, for as long as something of theirs is in use: a page in the cache that
// they have paid for, a process that nobody has reaped. Only the kernel can end that; administrators should know.
#pragma once

#include "cgroup/group.h"

#include <chrono>
#include <cstdint>

namespace scopewright::sandbox {

/// How many groups that are gone the kernel still keeps below `group`; 0 if it does not say.
std::uint64_t remainsBelow(const cgroup::Group& group);

class RemainsWatch {
public:
    /// After a group has gone: looks, if it has not looked just now, and warns when there are more than `most`, once
    /// until half of them are gone.
    void look(const cgroup::Group& top, std::uint32_t most) noexcept;

private:
    std::chrono::steady_clock::time_point next_{};
    bool warned_ = false;
};

} // namespace scopewright::sandbox
