// SPDX-License-Identifier: LGPL-2.1-or-later
#include "floor.h"

#include "client.h"

#include <grp.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace scopewright::performance {

namespace {

constexpr const char* kRules = "/etc/dbus-1/system.d/scopewright-floor.conf";
constexpr const char* kUser = "flooder";
constexpr uid_t kUid = 2004;

int answerOne(sd_bus_message* message, void*, sd_bus_error*) noexcept {
    if (sd_bus_message_is_method_call(message, nullptr, nullptr) <= 0) return 0;
    sd_bus_reply_method_return(message, "");
    return 1;
}

} // namespace

FloodWorld::FloodWorld() {
    const std::string id = std::to_string(kUid);
    const std::string command = "systemd-sysusers --inline 'u " + std::string(kUser) + " " + id + "' 'm " +
                                std::string(kUser) + " scopewright'";
    if (std::system(command.c_str()) != 0) throw std::runtime_error("cannot make a user");
    std::filesystem::create_directories(std::filesystem::path(kRules).parent_path());
    std::ofstream(kRules) << "<busconfig>"
                             "<policy user=\"root\"><allow own=\""
                          << kFloorService
                          << "\"/></policy>"
                             "<policy context=\"default\"><allow send_destination=\""
                          << kFloorService << "\"/></policy></busconfig>\n";
    integration::Client().bus("ReloadConfig").must();
}

FloodWorld::~FloodWorld() {
    std::filesystem::remove(kRules);
    integration::Client().bus("ReloadConfig");
}

void answerEverybody(const std::function<void()>& ready) {
    const integration::Client client;
    sd_bus_slot* slot = nullptr;
    bus::check(sd_bus_add_filter(client.raw(), &slot, answerOne, nullptr), "answer everybody");
    const bus::Slot filter(slot);
    bus::check(sd_bus_request_name(client.raw(), kFloorService, 0), "take a name");
    ready();
    for (;;)
        if (bus::check(sd_bus_process(client.raw(), nullptr), "take a call") == 0)
            bus::check(sd_bus_wait(client.raw(), UINT64_MAX), "wait for a call");
}

integration::Child::Life ofFlooder(bool meek, const integration::Child::Life& life) {
    return [meek, life](const std::function<void()>& ready) {
        if (meek) {
            cpu_set_t first;
            CPU_ZERO(&first);
            CPU_SET(0, &first);
            if (::sched_setaffinity(0, sizeof first, &first) < 0) ::_exit(1);
            // Where processes are scheduled session by session, niceness is the session's.
            ::setsid();
            std::ofstream("/proc/self/autogroup") << "19";
            if (::setpriority(PRIO_PROCESS, 0, 19) < 0) ::_exit(1);
        }
        if (::initgroups(kUser, kUid) < 0 || ::setresgid(kUid, kUid, kUid) < 0 || ::setresuid(kUid, kUid, kUid) < 0)
            ::_exit(1);
        life(ready);
    };
}

} // namespace scopewright::performance
