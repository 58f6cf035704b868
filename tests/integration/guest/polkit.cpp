// SPDX-License-Identifier: LGPL-2.1-or-later
#include "guest/polkit.h"

#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace scopewright::integration {

namespace {

constexpr const char* kPolkit = "polkit.service";
constexpr const char* kMask = "/etc/systemd/system/polkit.service";
constexpr const char* kRules = "/etc/polkit-1/rules.d/10-scopewright-test.rules";
/// What stands in for the rule that comes with scopewright where polkit knows none: it cannot ask for the unit's name.
constexpr const char* kGrants = "/etc/polkit-1/localauthority/50-local.d/scopewright-test.pkla";
constexpr const char* kGrant = "[runtimes]\nIdentity=unix-group:scopewright\n"
                               "Action=org.scopewright1.create-sandbox\nResultAny=yes\n";

bool hidden() {
    struct stat status;
    return ::lstat(kMask, &status) == 0;
}

} // namespace

std::string Polkit::whyNot() {
    for (const char* program : {"/usr/lib/polkit-1/polkitd", "/usr/libexec/polkitd"})
        if (::access(program, X_OK) == 0) return "";
    return "this guest has no polkit";
}

bool Polkit::hasRules() {
    return ::access("/usr/lib/polkit-1/polkitd", X_OK) == 0;
}

bus::Message withLeaveToAsk(bus::Message call) {
    bus::check(sd_bus_message_set_allow_interactive_authorization(call.raw(), 1), "let somebody be asked");
    return call;
}

Polkit::Polkit(const Guest& guest, const std::string& rules) : guest_(guest) {
    if (!whyNot().empty()) throw std::runtime_error(whyNot());
    setRules(rules);
}

Polkit::~Polkit() {
    try {
        mask();
        ::unlink(kRules);
        ::unlink(kGrants);
    } catch (const std::exception& error) {
        std::printf("cleaning up failed: %s\n", error.what());
    }
}

void Polkit::setRules(const std::string& rules) {
    guest_.systemd.stop(kPolkit);
    write(rules);
    if (hidden()) {
        ::unlink(kMask);
        guest_.systemd.reload();
    }
    guest_.systemd.start(kPolkit);
}

void Polkit::write(const std::string& rules) {
    if (!hasRules()) {
        std::filesystem::create_directories(std::filesystem::path(kGrants).parent_path());
        std::ofstream(kGrants) << kGrant;
    } else if (rules.empty()) {
        ::unlink(kRules);
    } else {
        std::ofstream(kRules) << rules;
    }
}

void Polkit::mask() {
    if (!hidden() && ::symlink("/dev/null", kMask) < 0) throw std::runtime_error("cannot mask polkit");
    guest_.systemd.reload();
    stop();
}

void Polkit::stop() {
    guest_.systemd.stop(kPolkit);
}

Polkit::Pause::Pause(const Polkit& polkit) : pid_(polkit.guest_.systemd.mainPid(kPolkit)) {
    if (pid_ <= 0 || ::kill(pid_, SIGSTOP) < 0) throw std::runtime_error("polkit does not run");
}

Polkit::Pause::~Pause() {
    end();
}

void Polkit::Pause::end() {
    if (pid_ > 0) ::kill(pid_, SIGCONT);
    pid_ = -1;
}

} // namespace scopewright::integration
