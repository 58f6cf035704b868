// SPDX-License-Identifier: LGPL-2.1-or-later
// Who may do what. The bus policy lets only root through; this is the second door, and the one that stays.
#pragma once

#include <sys/types.h>

namespace scopewright::sandbox {

/// Until callers can be authorised otherwise, only root makes sandboxes.
constexpr bool mayCreate(uid_t caller) {
    return caller == 0;
}

/// A scope that another program made is a matter of the whole system.
constexpr bool mayAdopt(uid_t caller) {
    return caller == 0;
}

/// For the others a sandbox that is not theirs does not exist.
constexpr bool mayManage(uid_t caller, uid_t owner) {
    return caller == 0 || caller == owner;
}

constexpr bool mayReload(uid_t caller) {
    return caller == 0;
}

} // namespace scopewright::sandbox
