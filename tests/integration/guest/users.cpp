// SPDX-License-Identifier: LGPL-2.1-or-later
#include "guest/users.h"

#include <grp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace scopewright::integration {

namespace {

constexpr const char* kGroupName = "scopewright";

using Pids = std::vector<std::uint32_t>;

std::string textOfFile(const char* path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

/// The guest is thrown away, so they may stay.
void addUsers() {
    static bool added = false;
    if (added) return;
    std::ofstream passwd("/etc/passwd", std::ios::app);
    std::ofstream groups("/etc/group", std::ios::app);
    for (const User& user : {kAnna, kBert, kCora}) {
        const std::string id = std::to_string(user.uid);
        passwd << user.name << ":x:" << id << ":" << id << "::/:/bin/sh\n";
        groups << user.name << ":x:" << id << ":\n";
    }
    added = true;
}

/// What the process is for the others as long as this lives.
class Disguise {
public:
    explicit Disguise(const User& user) {
        if (::initgroups(user.name, user.uid) < 0 || ::setegid(user.uid) < 0 || ::seteuid(user.uid) < 0)
            throw std::runtime_error(std::string("cannot become ") + user.name);
    }
    Disguise(Disguise&&) = delete;
    ~Disguise() {
        if (::seteuid(0) < 0 || ::setegid(0) < 0 || ::setgroups(0, nullptr) < 0) std::abort();
    }
};

} // namespace

void Members::set(const std::vector<User>& members) {
    addUsers();
    std::string list;
    for (const User& user : members)
        list += (list.empty() ? "" : ",") + std::string(user.name);
    std::istringstream before(textOfFile("/etc/group"));
    std::string after;
    for (std::string line; std::getline(before, line);) {
        if (line.starts_with(std::string(kGroupName) + ":")) line = line.substr(0, line.rfind(':') + 1) + list;
        after += line + "\n";
    }
    std::ofstream("/etc/group") << after;
    // A bus that looks groups up by itself remembers them.
    guest_.client.bus("ReloadConfig").must();
}

Client clientOf(const User& user) {
    const Disguise disguise(user);
    return Client();
}

Child::Life ofUser(const User& user, const Child::Life& life) {
    return [user, life](const std::function<void()>& ready) {
        if (::initgroups(user.name, user.uid) < 0 || ::setresgid(user.uid, user.uid, user.uid) < 0 ||
            ::setresuid(user.uid, user.uid, user.uid) < 0)
            ::_exit(1);
        life(ready);
    };
}

Worker::Worker(const Guest& guest, const User& user, const Child::Life& life) : child(ofUser(user, life)) {
    const std::string unit = "work-" + std::to_string(child.pid()) + ".scope";
    const Properties properties{
        {"Slice", user.slice()}, {"CollectMode", std::string("inactive-or-failed")}, {"PIDs", Pids{child.number()}}};
    // A slice that has just become empty is on its way out, and takes nobody.
    const auto started = [&] { return guest.systemd.tryStartScope(unit, properties).ok(); };
    if (!eventually(started) || !eventually([&] { return guest.systemd.state(unit) == "active"; }))
        throw std::runtime_error(unit + " did not start");
}

Answer tryCreateAs(const Client& client, const std::string& id, const std::vector<const Child*>& children,
                   const Properties& more) {
    Properties properties = more;
    properties.push_back({"PIDs", numbers(children)});
    return client.manager("CreateSandbox", id, properties, std::uint64_t{0});
}

int asUser(const User& user, const std::function<int()>& act) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        ofUser(user, [&](const std::function<void()>&) { ::_exit(act()); })([] {});
        ::_exit(255);
    }
    int status = 0;
    if (pid < 0 || ::waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return -1;
    return WEXITSTATUS(status);
}

std::vector<std::string> objectsFor(const Client& client) {
    const Answer answer = client.call(kManagerPath, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects");
    sd_bus_message* m = answer.must().reply.raw();
    std::vector<std::string> paths;
    bus::check(sd_bus_message_enter_container(m, 'a', "{oa{sa{sv}}}"), "read objects");
    while (bus::check(sd_bus_message_enter_container(m, 'e', "oa{sa{sv}}"), "read objects") > 0) {
        const char* path = "";
        bus::check(sd_bus_message_read_basic(m, 'o', &path), "read objects");
        paths.emplace_back(path);
        bus::check(sd_bus_message_skip(m, "a{sa{sv}}"), "read objects");
        bus::check(sd_bus_message_exit_container(m), "read objects");
    }
    return paths;
}

std::string introspection(const Client& client, const std::string& path) {
    const Answer answer = client.call(path, "org.freedesktop.DBus.Introspectable", "Introspect");
    return answer.ok() ? std::get<0>(answer.get<std::string>()) : answer.text;
}

} // namespace scopewright::integration
