// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sandbox/departures.h"

#include "base/log.h"

#include <sys/epoll.h>

#include <algorithm>
#include <exception>

namespace scopewright::sandbox {

Departures::Departures(sd_event* event) {
    if (!watch_) return;
    sd_event_source* source = nullptr;
    bus::check(sd_event_add_io(event, &source, watch_.fd(), EPOLLIN, onRemovals, this), "watch for removals");
    source_.reset(source);
}

Departures::Notice::Notice(Departures& departures, const cgroup::Group& root, const std::string& path,
                           std::function<void()> told)
    : departures_(departures), place_(-1, path.substr(path.rfind('/') + 1)), told_(std::move(told)) {
    if (!departures_.watch_) return;
    const std::optional<cgroup::Group> above = root.openAbove(path);
    if (!above) return;
    place_.first = departures_.watch_.add(*above);
    if (place_.first >= 0) departures_.waiting_.emplace(place_, this);
}

Departures::Notice::~Notice() {
    if (place_.first < 0) return;
    std::erase_if(departures_.waiting_, [this](const auto& entry) { return entry.second == this; });
    const auto sameParent = [this](const auto& entry) { return entry.first.first == place_.first; };
    if (std::ranges::none_of(departures_.waiting_, sameParent)) departures_.watch_.remove(place_.first);
}

int Departures::onRemovals(sd_event_source*, int, std::uint32_t, void* userdata) noexcept {
    Departures& self = *static_cast<Departures*>(userdata);
    try {
        for (const std::pair<int, std::string>& place : self.watch_.take())
            // Who is told may end, and others with it.
            for (auto next = self.waiting_.find(place); next != self.waiting_.end(); next = self.waiting_.find(place)) {
                const std::function<void()> told = std::move(next->second->told_);
                self.waiting_.erase(next);
                told();
            }
    } catch (const std::exception& error) {
        log::error(std::string("what was removed cannot be told: ") + error.what());
    }
    return 0;
}

} // namespace scopewright::sandbox
