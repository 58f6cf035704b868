// SPDX-License-Identifier: LGPL-2.1-or-later
#include "answers.h"

#include <cstdlib>
#include <memory>

namespace scopewright::integration {

Created createdBy(const Answer& answer) {
    const auto [object, unit, controlGroup] = answer.get<bus::ObjectPath, std::string, std::string>();
    return Created{object.path, unit, controlGroup};
}

std::vector<SandboxLine> sandboxesIn(const Answer& answer) {
    sd_bus_message* m = answer.must().reply.raw();
    std::vector<SandboxLine> lines;
    bus::check(sd_bus_message_enter_container(m, 'a', "(ssuo)"), "read sandboxes");
    while (bus::check(sd_bus_message_enter_container(m, 'r', "ssuo"), "read sandboxes") > 0) {
        const auto [id, unit, uid, object] =
            bus::unpack<std::string, std::string, std::uint32_t, bus::ObjectPath>(answer.reply);
        lines.push_back(SandboxLine{id, unit, uid, object.path});
        bus::check(sd_bus_message_exit_container(m), "read sandboxes");
    }
    return lines;
}

std::vector<GroupLine> groupsIn(const Answer& answer) {
    sd_bus_message* m = answer.must().reply.raw();
    std::vector<GroupLine> lines;
    bus::check(sd_bus_message_enter_container(m, 'a', "(sss)"), "read groups");
    while (bus::check(sd_bus_message_enter_container(m, 'r', "sss"), "read groups") > 0) {
        const auto [name, kind, controlGroup] = bus::unpack<std::string, std::string, std::string>(answer.reply);
        lines.push_back(GroupLine{name, kind, controlGroup});
        bus::check(sd_bus_message_exit_container(m), "read groups");
    }
    return lines;
}

std::string encoded(const std::string& prefix, const std::string& name) {
    char* path = nullptr;
    bus::check(sd_bus_path_encode(prefix.c_str(), name.c_str(), &path), "encode a path");
    return std::unique_ptr<char, decltype(&std::free)>(path, &std::free).get();
}

std::string sandboxPath(const std::string& id) {
    return encoded("/org/scopewright1/sandbox", id);
}

std::string groupPath(const std::string& id, const std::string& name) {
    return encoded(sandboxPath(id) + "/group", name);
}

} // namespace scopewright::integration
