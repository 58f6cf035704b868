// SPDX-License-Identifier: LGPL-2.1-or-later
// Who may do what without being asked about: root all, owners what is theirs. Others need polkit's word.
#pragma once

#include <sys/types.h>

namespace scopewright::sandbox {

constexpr bool isRoot(uid_t caller) {
    return caller == 0;
}

/// For the others a sandbox that is not theirs does not exist.
constexpr bool mayManage(uid_t caller, uid_t owner) {
    return isRoot(caller) || caller == owner;
}

} // namespace scopewright::sandbox
