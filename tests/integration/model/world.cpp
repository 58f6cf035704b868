// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/world.h"

#include "guest/pid1.h"

#include <memory>

namespace scopewright::integration::model {

World::World() {
    const std::shared_ptr<Pid1> systemd = std::make_shared<Pid1>();
    units = [systemd] {
        std::vector<std::string> names;
        for (const char* pattern : {"scopewright-*.scope", "foreign-*.scope"})
            for (const Pid1::Line& line : systemd->list(pattern))
                names.push_back(line.name);
        return names;
    };
    start = [systemd](const std::string& unit, pid_t pid) {
        systemd->startScope(unit, pid,
                            {{"Slice", std::string("scopewright.slice")},
                             {"Description", std::string("somebody else's")},
                             {"Delegate", true},
                             {"CollectMode", std::string("inactive-or-failed")}});
    };
}

} // namespace scopewright::integration::model
