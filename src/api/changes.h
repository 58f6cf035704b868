// SPDX-License-Identifier: LGPL-2.1-or-later
// What clients are told, at the end of the turn of the loop in which it happened, so that nobody who waits for an
// answer waits for that. Of changed properties once for each object, however often they changed.
#pragma once

#include "bus/bus.h"
#include "bus/loop.h"

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace scopewright::api {

class Changes {
public:
    explicit Changes(bus::Connection& connection);
    Changes(Changes&&) = delete;

    /// Signals about an object, sent in the order of these calls and before any change of a property.
    void tell(std::function<void()> news);

    /// `interface` and `property` are constants of the tables.
    void add(const std::string& path, const char* interface, const char* property);

    /// The object is gone, and with it what there was to tell of it.
    void drop(const std::string& path);

private:
    static int onTurn(sd_event_source* source, void* userdata) noexcept;

    bus::Connection& connection_;
    std::vector<std::function<void()>> news_;
    std::map<std::pair<std::string, std::string>, std::set<std::string>> changed_;
    bus::Source turn_;
};

} // namespace scopewright::api
