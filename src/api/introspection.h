// SPDX-License-Identifier: LGPL-2.1-or-later
// The interfaces as D-Bus introspection data, without a bus.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace scopewright::api {

std::vector<std::string> interfaces();

/// A whole XML document with one interface. InvalidArgument if there is no such interface.
std::string introspect(std::string_view interface);

} // namespace scopewright::api
