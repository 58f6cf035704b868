// SPDX-License-Identifier: LGPL-2.1-or-later
#include "private_bus/private_bus.h"

#include "catch.h"
#include "cgroup_tree.h"
#include "wait.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace scopewright::integration {

namespace {

/// The limits are those of a system bus. Services are started without a helper, which only the type "system" has.
constexpr const char* kConfig = R"(<busconfig>
<type>session</type><listen>unix:path=@DIR@/bus</listen><auth>EXTERNAL</auth><servicedir>@DIR@</servicedir>
<limit name="max_connections_per_user">256</limit><limit name="max_replies_per_connection">128</limit>
<limit name="max_message_unix_fds">16</limit>
<policy context="default"><allow user="*"/><deny own="*"/><deny send_type="method_call"/><allow send_type="signal"/>
<allow send_requested_reply="true" send_type="method_return"/><allow send_requested_reply="true" send_type="error"/>
<allow receive_type="method_call"/><allow receive_type="method_return"/><allow receive_type="error"/>
<allow receive_type="signal"/><allow send_destination="org.freedesktop.DBus"/></policy>
<policy user="root"><allow own="org.freedesktop.systemd1"/><allow send_destination="org.freedesktop.systemd1"/></policy>
<include>@POLICY@</include>@MORE@</busconfig>
)";

constexpr const char* kDropins = "/run/scopewright/scopewright.toml.d";

void writeDropin(const std::string& name, const std::string& toml) {
    std::filesystem::create_directories(kDropins);
    std::ofstream(std::string(kDropins) + "/" + name) << toml;
}

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
    for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
        text.replace(at, what.size(), with);
    return text;
}

std::string joined(const std::vector<std::string>& words) {
    std::string line;
    for (const std::string& word : words)
        line += (line.empty() ? "" : " ") + word;
    return line;
}

/// Mounts of our own over what this machine's administrator may have configured.
std::string hideConfiguration() {
    if (::unshare(CLONE_NEWNS) < 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0)
        return "this process may not make a mount namespace";
    if (::mount("scopewright-test", "/run", "tmpfs", 0, "mode=0755") < 0) return "this process may not mount";
    for (const char* path : {"/etc/scopewright", "/usr/local/lib/scopewright", "/usr/lib/scopewright"})
        if (::access(path, F_OK) == 0 && ::mount("scopewright-test", path, "tmpfs", 0, "mode=0755") < 0)
            return std::string("this process may not mount over ") + path;
    return "";
}

} // namespace

std::string whyNotHere();
std::string whyNotHere() {
    if (::geteuid() != 0) return "needs root";
    if (environment("SCOPEWRIGHT_DAEMON").empty()) return "needs meson test, which says where the daemon is";
    if (const std::string reason = fake::CgroupTree::whyNot(); !reason.empty()) return reason;
    const auto found = [](const std::string& directory) { return std::filesystem::exists(directory + "/dbus-daemon"); };
    std::istringstream path(environment("PATH"));
    bool busDaemon = false;
    for (std::string directory; std::getline(path, directory, ':');)
        busDaemon = busDaemon || found(directory);
    if (!busDaemon) return "needs dbus-daemon";
    return hideConfiguration();
}

Directory::Directory() {
    std::string name = "/tmp/scopewright-test-XXXXXX";
    if (!::mkdtemp(name.data())) throw std::runtime_error("cannot make a directory");
    ::chmod(name.c_str(), 0755); // other uids reach the bus
    path_ = name;
}

Directory::~Directory() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
}

std::string Directory::write(const std::string& name, const std::string& content) const {
    std::ofstream(path(name)) << content;
    return path(name);
}

std::string daemonProgram() {
    return environment("SCOPEWRIGHT_DAEMON");
}

std::string sourceFile(const std::string& name) {
    return environment("SCOPEWRIGHT_SOURCE") + "/" + name;
}

PrivateBus::PrivateBus(const std::optional<std::string>& version, const std::string& policy) {
    std::string configuration = replaced(kConfig, "@DIR@", directory_.path().substr(0, directory_.path().size() - 1));
    configuration = replaced(configuration, "@POLICY@", sourceFile("dbus/org.scopewright1.conf"));
    configuration = replaced(configuration, "@MORE@", policy);
    ::setenv("DBUS_SYSTEM_BUS_ADDRESS", ("unix:path=" + directory_.path("bus")).c_str(), 1);
    bus_ = std::make_unique<Program>(
        std::vector<std::string>{"dbus-daemon", "--config-file=" + directory_.write("bus.conf", configuration),
                                 "--nofork", "--nosyslog", "--nopidfile"},
        directory_.path("log"));
    if (!eventually([&] { return ::access(directory_.path("bus").c_str(), F_OK) == 0; }))
        throw std::runtime_error("dbus-daemon does not start: " + bus_->output());
    mountPoint_ = fake::CgroupTree().mountPoint();
    if (version) {
        systemd_ = std::make_unique<Program>(
            std::vector<std::string>{environment("SCOPEWRIGHT_FAKE_SYSTEMD"), *version}, directory_.path("systemd"));
        if (!eventually([&] { return systemd_->output().find('\n') != std::string::npos; }))
            throw std::runtime_error("the fake PID 1 does not start");
        std::istringstream line(systemd_->output());
        line >> mountPoint_ >> prefix_ >> socket_;
    }
    directory_.write("org.scopewright1.service",
                     "[D-BUS Service]\nName=org.scopewright1\nExec=" + joined(command()) + "\n");
    // The bus watches its directory; but a file that it has not seen yet it would look for in vain.
    Client().bus("ReloadConfig").must();
}

PrivateBus::~PrivateBus() {
    std::error_code error;
    std::filesystem::remove_all("/run/scopewright", error);
    kill();
    // The daemon leaves when its bus is gone.
    if (systemd_) {
        systemd_->wait();
        // "misuse" and the sanitizers' reports.
        CHECK(systemd_->output().find("misuse") == std::string::npos);
    }
    const std::string said = bus_->output();
    if (std::getenv("SCOPEWRIGHT_TEST_LOG")) std::printf("%s", said.c_str());
    CHECK(said.find("Sanitizer") == std::string::npos);
    CHECK(said.find("runtime error") == std::string::npos);
}

void PrivateBus::kill() {
    bus_->signal(SIGKILL);
    bus_->wait();
}

void PrivateBus::configure(const std::string& toml) const {
    writeDropin("50-test.toml", toml);
}

void PrivateBus::useSocket() const {
    writeDropin("60-socket.toml", "[daemon]\nsystemd-socket = \"" + socket_ + "\"\n");
}

std::vector<std::string> PrivateBus::command() const {
    return {daemonProgram(), "--cgroup-root=" + mountPoint_};
}

std::unique_ptr<Program> PrivateBus::start() const {
    std::unique_ptr<Program> daemon = std::make_unique<Program>(command());
    const Client client;
    if (!eventually([&] { return !client.owner().empty() || !daemon->running(); }) || !daemon->running())
        throw std::runtime_error("the daemon does not start: " + daemon->output());
    return daemon;
}

bool PrivateBus::exists(const std::string& controlGroup) const {
    return ::access((mountPoint_ + controlGroup).c_str(), F_OK) == 0;
}

std::vector<std::string> PrivateBus::tree() const {
    std::vector<std::string> tree;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(mountPoint_ + prefix_))
        if (entry.is_directory()) tree.push_back(entry.path());
    std::sort(tree.begin(), tree.end());
    return tree;
}

std::vector<std::string> PrivateBus::log(const Client& client) const {
    const Answer answer = client.send(bus::methodCall(client.raw(), "org.freedesktop.systemd1",
                                                      "/org/scopewright1/test", "org.scopewright1.Test", "Log"));
    return std::get<0>(answer.get<std::vector<std::string>>());
}

std::string create(const Client& client, const std::string& id, const Child& child, const std::string& token) {
    Properties properties{{"PIDs", numbers({&child})}};
    if (!token.empty()) properties.push_back({"Token", token});
    const Answer answer = client.manager("CreateSandbox", id, properties, std::uint64_t{0});
    return std::get<2>(answer.get<bus::ObjectPath, std::string, std::string>());
}

} // namespace scopewright::integration
