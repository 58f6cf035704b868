// SPDX-License-Identifier: LGPL-2.1-or-later
// What is limited by name: huge pages by size, RDMA devices, network interfaces.
#pragma once

#include "limits/resources.h"

#include <string>
#include <string_view>

namespace scopewright::limits {

/// "2MB", as the kernel names the size in its files; "2048KB" is the same. InvalidArgument otherwise.
std::string hugepageSize(std::string_view key, std::string_view text);

/// Throws unless it can be the name of an RDMA device, of a network interface.
void checkRdmaDevice(std::string_view key, std::string_view name);
void checkInterface(std::string_view key, std::string_view name);

/// "hca_handle=2 hca_object=max", either half or both.
RdmaLimit parseRdmaLimit(std::string_view key, std::string_view text);
std::string toText(const RdmaLimit& limit);

} // namespace scopewright::limits
