// SPDX-License-Identifier: LGPL-2.1-or-later
// Who may do what without being asked about: who runs the daemon all, owners what is theirs. Others need polkit's word.
#pragma once

#include <sys/types.h>
#include <unistd.h>

namespace scopewright::sandbox {

/// Who runs the daemon, which does not change.
inline uid_t ownUid() {
    static const uid_t uid = ::geteuid();
    return uid;
}

/// Root; or, for a user's own instance, that user.
inline bool isAdministrator(uid_t caller) {
    return caller == ownUid();
}

/// For the others a sandbox that is not theirs does not exist.
inline bool mayManage(uid_t caller, uid_t owner) {
    return isAdministrator(caller) || caller == owner;
}

} // namespace scopewright::sandbox
