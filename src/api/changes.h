// SPDX-License-Identifier: LGPL-2.1-or-later
// Tells of changed properties once for each object and turn of the loop, however often they changed in it.
#pragma once

#include "bus/bus.h"
#include "bus/loop.h"

#include <map>
#include <set>
#include <string>
#include <utility>

namespace scopewright::api {

class Changes {
public:
    explicit Changes(bus::Connection& connection);
    Changes(Changes&&) = delete;

    /// `interface` and `property` are constants of the tables.
    void add(const std::string& path, const char* interface, const char* property);

    /// The object is gone, and with it what there was to tell of it.
    void drop(const std::string& path);

private:
    static int onTurn(sd_event_source* source, void* userdata) noexcept;

    bus::Connection& connection_;
    std::map<std::pair<std::string, std::string>, std::set<std::string>> changed_;
    bus::Source turn_;
};

} // namespace scopewright::api
