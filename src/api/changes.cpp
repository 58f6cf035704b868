// SPDX-License-Identifier: LGPL-2.1-or-later
#include "api/changes.h"

namespace scopewright::api {

Changes::Changes(bus::Connection& connection)
    : connection_(connection), turn_(bus::addDeferred(connection.event(), onTurn, this)) {}

void Changes::tell(std::function<void()> news) {
    news_.push_back(std::move(news));
    sd_event_source_set_enabled(turn_.get(), SD_EVENT_ONESHOT);
}

void Changes::add(const std::string& path, const char* interface, const char* property) {
    changed_[{path, interface}].insert(property);
    sd_event_source_set_enabled(turn_.get(), SD_EVENT_ONESHOT);
}

void Changes::drop(const std::string& path) {
    std::erase_if(changed_, [&](const auto& entry) { return entry.first.first == path; });
}

int Changes::onTurn(sd_event_source*, void* userdata) noexcept {
    Changes& self = *static_cast<Changes*>(userdata);
    for (const std::function<void()>& news : std::exchange(self.news_, {}))
        news();
    for (const auto& [object, properties] : std::exchange(self.changed_, {})) {
        std::vector<char*> names;
        for (const std::string& property : properties)
            names.push_back(const_cast<char*>(property.c_str()));
        names.push_back(nullptr);
        sd_bus_emit_properties_changed_strv(self.connection_.raw(), object.first.c_str(), object.second.c_str(),
                                            names.data());
    }
    return 0;
}

} // namespace scopewright::api
