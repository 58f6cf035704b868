// SPDX-License-Identifier: LGPL-2.1-or-later
#include "systemd/jobs.h"

#include "base/log.h"
#include "bus/codec.h"

#include <tuple>

namespace scopewright::systemd {

Jobs::Jobs(Link& link) : link_(link), jobRemoved_(link, "JobRemoved", onJobRemoved, this) {}

int Jobs::onJobRemoved(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept {
    Jobs& self = *static_cast<Jobs*>(userdata);
    try {
        const auto [id, job, unit, result] =
            bus::unpack<std::uint32_t, bus::ObjectPath, std::string, std::string>(bus::Message::share(message));
        const char* sender = sd_bus_message_get_sender(message);
        const Job over{job.path, sender ? sender : ""};
        if (self.watches_.find(unit) == self.watches_.end()) {
            if (self.others_ && result == "done") self.others_(unit);
            return 0;
        }
        // A woken task may end its watch or start another, so every step asks the map again.
        std::vector<Watch*> present;
        for (auto [at, end] = self.watches_.equal_range(unit); at != end; ++at)
            present.push_back(at->second);
        for (Watch* watch : present)
            for (auto [at, end] = self.watches_.equal_range(unit); at != end; ++at)
                if (at->second == watch) {
                    watch->removed(over, result);
                    break;
                }
    } catch (const std::exception& error) {
        log::warning(std::string("a JobRemoved signal could not be read: ") + error.what());
    }
    return 0;
}

Jobs::Watch::Watch(Jobs& jobs, std::string unit) : jobs_(jobs), unit_(std::move(unit)) {
    jobs_.watches_.emplace(unit_, this);
}

Jobs::Watch::~Watch() {
    for (auto [at, end] = jobs_.watches_.equal_range(unit_); at != end; ++at)
        if (at->second == this) {
            jobs_.watches_.erase(at);
            return;
        }
}

void Jobs::Watch::removed(const Job& job, const std::string& result) {
    // A flood of forged signals must not fill the memory.
    constexpr std::size_t kMostSeen = 64;
    if (seen_.size() < kMostSeen || job == awaited_) seen_.emplace_back(job, result);
    if (waiting_ && job == awaited_) std::exchange(waiting_, nullptr)->complete(true);
}

async::Task<std::optional<std::string>> Jobs::Watch::result(Job job, bus::Microseconds patience) {
    awaited_ = std::move(job);
    for (int turn = 0; turn < 2; ++turn) {
        for (const auto& [over, result] : seen_)
            if (over == awaited_) co_return result;
        if (turn == 1) break;
        async::Completion<bool> over;
        waiting_ = &over;
        bus::Source timer = bus::completeAfter(jobs_.link_.connection().event(), patience, over);
        co_await over;
        waiting_ = nullptr;
    }
    co_return std::nullopt;
}

} // namespace scopewright::systemd
