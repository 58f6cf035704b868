// SPDX-License-Identifier: LGPL-2.1-or-later
// scopewrightd: reads its arguments and its configuration, opens the cgroup tree, and serves.
#include "api/introspection.h"
#include "base/error.h"
#include "base/log.h"
#include "cgroup/group.h"
#include "config/config.h"
#include "daemon.h"
#include "limits/properties.h"
#include "systemd/version.h"

#include <getopt.h>

#include <cstdio>
#include <cstdlib>
#include <exception>

using namespace scopewright;

namespace {

/// LSB's status for wrong arguments; scripts and PID 1 know it.
constexpr int kExitUsage = 2;

constexpr const char* kHelp = "scopewrightd [OPTIONS...]\n\n"
                              "Serves delegated systemd scopes to container runtimes on the system bus.\n\n"
                              "  -h --help                   Show this help\n"
                              "     --version                Show the version\n"
                              "     --check-config [FILE...] Say what is wrong with the configuration, or with FILEs\n"
                              "     --print-config           Show the configuration in force\n"
                              "     --features[=VERSION]     Show which unit properties the running systemd takes,\n"
                              "                              or the one of that version\n"
                              "     --print-introspection[=INTERFACE]\n"
                              "                              Show the D-Bus interfaces as XML\n"
                              "     --user                   Serve the user's own manager, on the user's bus\n"
                              "     --cgroup-root=PATH       Use the cgroup v2 hierarchy mounted there\n"
                              "                              (default: /sys/fs/cgroup)\n\n"
                              "See the scopewrightd(8) man page for details.\n";

api::Instance instance = api::Instance::System;

config::SearchDirs searchDirs() {
    return instance == api::Instance::User ? config::userDirs() : config::systemDirs();
}

config::Config loadConfig() {
    const config::Loaded loaded = config::load(searchDirs());
    for (const config::Diagnostic& diagnostic : loaded.diagnostics)
        log::warning(config::toString(diagnostic));
    return loaded.config;
}

int checkConfig(const std::vector<std::string>& files) {
    const config::Loaded loaded = files.empty() ? config::load(searchDirs()) : config::loadFiles(files);
    for (const config::Diagnostic& diagnostic : loaded.diagnostics)
        std::fprintf(stderr, "%s\n", config::toString(diagnostic).c_str());
    return loaded.diagnostics.empty() ? EXIT_SUCCESS : EXIT_FAILURE;
}

int printFeatures(const char* version) {
    const unsigned number = version ? systemd::parseVersion(version).number : systemd::runningVersion();
    std::fputs(limits::tables(number).c_str(), stdout);
    return EXIT_SUCCESS;
}

int printIntrospection(const char* interface) {
    if (interface) {
        std::fputs(api::introspect(interface).c_str(), stdout);
        return EXIT_SUCCESS;
    }
    for (const std::string& name : api::interfaces())
        std::fputs(api::introspect(name).c_str(), stdout);
    return EXIT_SUCCESS;
}

int serve(const char* cgroupRoot) {
    const config::Config config = loadConfig();
    log::setUp(config.logLevel);
    Daemon daemon(cgroup::Group::openRoot(cgroupRoot), config, loadConfig, instance);
    return daemon.run();
}

int run(int argc, char* argv[]) {
    enum Option { kVersion = 256, kCheckConfig, kPrintConfig, kFeatures, kPrintIntrospection, kCgroupRoot, kUser };
    static constexpr option kOptions[] = {
        {"help", no_argument, nullptr, 'h'},
        {"version", no_argument, nullptr, kVersion},
        {"check-config", no_argument, nullptr, kCheckConfig},
        {"print-config", no_argument, nullptr, kPrintConfig},
        {"features", optional_argument, nullptr, kFeatures},
        {"print-introspection", optional_argument, nullptr, kPrintIntrospection},
        {"cgroup-root", required_argument, nullptr, kCgroupRoot},
        {"user", no_argument, nullptr, kUser},
        {},
    };
    const char* cgroupRoot = "/sys/fs/cgroup";
    bool check = false;
    bool print = false;
    for (int option; (option = ::getopt_long(argc, argv, "h", kOptions, nullptr)) != -1;) {
        switch (option) {
            case 'h': std::fputs(kHelp, stdout); return EXIT_SUCCESS;
            case kVersion: std::puts("scopewright " SCOPEWRIGHT_VERSION); return EXIT_SUCCESS;
            case kCheckConfig: check = true; break;
            case kPrintConfig: print = true; break;
            case kFeatures: return printFeatures(optarg);
            case kPrintIntrospection: return printIntrospection(optarg);
            case kCgroupRoot: cgroupRoot = optarg; break;
            case kUser: instance = api::Instance::User; break;
            default: return kExitUsage;
        }
    }
    if (print) {
        std::fputs(config::toToml(loadConfig()).c_str(), stdout);
        return EXIT_SUCCESS;
    }
    if (check) return checkConfig({argv + optind, argv + argc});
    if (optind < argc) {
        std::fprintf(stderr, "scopewrightd: unexpected argument '%s'\n", argv[optind]);
        return kExitUsage;
    }
    return serve(cgroupRoot);
}

} // namespace

int main(int argc, char* argv[]) {
    log::setUp(log::Level::Info);
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        log::error(error.what());
        return EXIT_FAILURE;
    }
}
