// SPDX-License-Identifier: LGPL-2.1-or-later
#include "guest/guest.h"

#include "base/fd.h"
#include "catch.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace scopewright::integration {

namespace {

constexpr const char* kDropin = "/run/scopewright/scopewright.toml.d/50-test.toml";

/// The first group that has a cpuset, a quota, a memory limit or a device program, and the last one that goes, make the
/// kernel patch its own code. An emulator with several threads now and then trips over that, and the guest's kernel
/// panics. One unit that is always there keeps the code as it is.
void keepKernelUnpatched(const Pid1& systemd) {
    static std::optional<Child> keeper;
    if (!emulated() || keeper) return;
    keeper.emplace();
    systemd.startScope("keeper.scope", keeper->pid(),
                       {{"Delegate", true},
                        {"CPUQuotaPerSecUSec", std::uint64_t{1'000'000}},
                        {"MemoryMax", std::uint64_t{1} << 30},
                        {"DevicePolicy", std::string("strict")},
                        {"IOAccounting", true}});
}

} // namespace

std::map<std::string, SkipLine> skippedOf(const Client& client, const std::string& object, const char* interface) {
    const Answer answer = client.call(object, kProperties, "Get", interface, "Skipped");
    sd_bus_message* m = answer.must().reply.raw();
    std::map<std::string, SkipLine> skipped;
    bus::check(sd_bus_message_enter_container(m, 'v', "a(sss)"), "read skips");
    bus::check(sd_bus_message_enter_container(m, 'a', "(sss)"), "read skips");
    while (bus::check(sd_bus_message_enter_container(m, 'r', "sss"), "read skips") > 0) {
        const auto [key, reason, since] = bus::unpack<std::string, std::string, std::string>(answer.reply);
        skipped.emplace(key, SkipLine{reason, since});
        bus::check(sd_bus_message_exit_container(m), "read skips");
    }
    return skipped;
}

std::string directory(const std::string& controlGroup) {
    return "/sys/fs/cgroup" + controlGroup;
}

bool exists(const std::string& controlGroup) {
    return ::access(directory(controlGroup).c_str(), F_OK) == 0;
}

std::optional<std::string> readFile(const std::string& controlGroup, const char* attribute) {
    std::ifstream file(directory(controlGroup) + "/" + attribute);
    if (!file) return std::nullopt;
    std::ostringstream text;
    text << file.rdbuf();
    std::string value = text.str();
    while (value.ends_with('\n'))
        value.pop_back();
    return value;
}

int writeFile(const std::string& controlGroup, const char* attribute, const std::string& value) {
    const UniqueFd file(::open((directory(controlGroup) + "/" + attribute).c_str(), O_WRONLY | O_CLOEXEC));
    if (!file) return errno;
    return ::write(file.value(), value.data(), value.size()) < 0 ? errno : 0;
}

int moveInto(const std::string& controlGroup, pid_t pid) {
    return writeFile(controlGroup, "cgroup.procs", std::to_string(pid));
}

pid_t startIn(int directory) {
    clone_args arguments{};
    arguments.flags = CLONE_INTO_CGROUP;
    arguments.exit_signal = SIGCHLD;
    arguments.cgroup = static_cast<std::uint64_t>(directory);
    const long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
    if (pid == 0) {
        ::pause();
        ::_exit(0);
    }
    return static_cast<pid_t>(pid);
}

int tryStartIn(int directory) {
    const pid_t pid = startIn(directory);
    if (pid < 0) return errno;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return 0;
}

std::vector<std::string> wordsOf(const std::string& text) {
    std::istringstream stream(text);
    std::vector<std::string> words;
    for (std::string word; stream >> word;)
        words.push_back(word);
    std::sort(words.begin(), words.end());
    return words;
}

bool inMachine() {
    if (!unit::isTagged("machine")) FAIL("this proves more in a machine, but will not be run in one: tag it [machine]");
    return emulated();
}

bool hasController(const std::string& controlGroup, const std::string& controller) {
    inMachine();
    const std::vector<std::string> all = wordsOf(readFile(controlGroup, "cgroup.controllers").value_or(""));
    return std::binary_search(all.begin(), all.end(), controller);
}

std::vector<pid_t> processesOf(const std::string& controlGroup) {
    std::vector<pid_t> pids;
    for (const std::string& word : wordsOf(readFile(controlGroup, "cgroup.procs").value_or("")))
        pids.push_back(static_cast<pid_t>(std::stol(word)));
    std::sort(pids.begin(), pids.end());
    return pids;
}

std::vector<std::string> treeOf(const std::string& controlGroup) {
    std::vector<std::string> tree;
    if (!exists(controlGroup)) return tree;
    tree.push_back(controlGroup);
    std::error_code error;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory(controlGroup), error))
        if (entry.is_directory(error)) tree.push_back(entry.path().string().substr(directory("").size()));
    std::sort(tree.begin(), tree.end());
    return tree;
}

void makeGroup(const std::string& controlGroup) {
    std::error_code error;
    std::filesystem::create_directories(directory(controlGroup), error);
    if (error) throw std::runtime_error("cannot make " + controlGroup + ": " + error.message());
}

void removeGroup(const std::string& controlGroup) {
    std::vector<std::string> tree = treeOf(controlGroup);
    std::reverse(tree.begin(), tree.end());
    for (const std::string& group : tree)
        ::rmdir(directory(group).c_str());
}

Guest::Guest() {
    keepKernelUnpatched(systemd);
    // What an earlier test has left behind is its failure and no other's.
    if (!list().empty()) clean();
    if (!list().empty()) throw std::runtime_error("an earlier test has left sandboxes that cannot be stopped");
}

Guest::~Guest() {
    try {
        clean();
    } catch (const std::exception& error) {
        std::printf("cleaning up failed: %s\n", error.what());
    }
}

void Guest::clean() const {
    if (::unlink(kDropin) == 0) client.manager("Reload").must();
    for (const SandboxLine& line : list())
        client.manager("StopSandbox", line.uid == 0 ? line.id : std::to_string(line.uid) + ":" + line.id);
}

Answer Guest::tryCreate(const std::string& id, const std::vector<const Child*>& children,
                        const Properties& more) const {
    Properties properties = more;
    properties.push_back({"PIDs", numbers(children)});
    return client.manager("CreateSandbox", id, properties, std::uint64_t{0});
}

Created Guest::create(const std::string& id, const std::vector<const Child*>& children, const Properties& more) const {
    return createdBy(tryCreate(id, children, more));
}

std::string Guest::createGroup(const std::string& id, const std::string& name, const Properties& resources) const {
    const Answer answer = client.manager("CreateCompatGroup", id, name, resources, std::uint64_t{0});
    return std::get<1>(answer.get<bus::ObjectPath, std::string>());
}

bool Guest::knows(const std::string& id) const {
    const std::vector<SandboxLine> all = list();
    return std::any_of(all.begin(), all.end(), [&](const SandboxLine& line) { return line.id == id; });
}

void Guest::checkGone(const std::string& id, const Created& created, Recorder& recorder) const {
    CHECK(recorder.hears([&](const Signal& signal) {
        return signal.member == "SandboxRemoved" && std::get<0>(signal.get<std::string>()) == id;
    }));
    CHECK(recorder.hears([&](const Signal& signal) {
        return signal.member == "InterfacesRemoved" && signal.path == kManagerPath &&
               std::get<0>(signal.get<bus::ObjectPath>()).path == created.object;
    }));
    CHECK_FALSE(knows(id));
    CHECK(client.manager("GetSandbox", id).error == "org.scopewright1.Error.NoSuchSandbox");
    CHECK(client.manager("StopSandbox", id).error == "org.scopewright1.Error.NoSuchSandbox");
    CHECK(client.call(created.object, kProperties, "GetAll", kSandbox).error == "org.scopewright1.Error.NoSuchSandbox");
    CHECK(eventually([&] { return !exists(created.controlGroup); }));
    CHECK(eventually([&] { return !systemd.find(created.unit); }));
}

void Guest::killDaemon() const {
    const pid_t pid = daemonPid();
    if (pid <= 0) return;
    ::kill(pid, SIGKILL);
    if (!eventually([&] { return daemonPid() != pid; })) throw std::runtime_error("the daemon does not die");
}

void Guest::stopDaemon() const {
    systemd.stop(kService);
}

void Guest::configure(const std::string& toml) const {
    std::filesystem::create_directories(std::filesystem::path(kDropin).parent_path());
    std::ofstream(kDropin) << toml;
    client.manager("Reload").must();
}

Override::Override(std::string controlGroup, std::string attribute, const std::string& value)
    : controlGroup_(std::move(controlGroup)), attribute_(std::move(attribute)) {
    before_ = readFile(controlGroup_, attribute_.c_str()).value_or("");
    if (writeFile(controlGroup_, attribute_.c_str(), value) != 0)
        throw std::runtime_error("cannot write " + attribute_ + " of " + controlGroup_);
}

Override::~Override() {
    writeFile(controlGroup_, attribute_.c_str(), before_);
}

} // namespace scopewright::integration
