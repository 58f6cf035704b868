// SPDX-License-Identifier: LGPL-2.1-or-later
// What most files include, parsed once per target: nothing here may be relied on, each file includes what it uses (lint
// "includes"), since a build with -Db_pch=false, and a reader, see no other headers than its own.
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>
