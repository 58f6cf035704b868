// SPDX-License-Identifier: LGPL-2.1-or-later
#include "api/context.h"

#include "sandbox/process.h"

namespace scopewright::api {

void requireSamePids(const bus::Caller& caller) {
    if (!sandbox::sharesPidNamespace(caller.pid))
        throw Error(ErrorCode::NotSupported,
                    "the caller does not live in this daemon's pid namespace: its process numbers mean other "
                    "processes here; pidfds do not");
}

} // namespace scopewright::api
