// SPDX-License-Identifier: LGPL-2.1-or-later
// Faults that take a process of its own to be suffered, row by row of docs/faults.md.
#include "catch.h"
#include "private_bus/private_bus.h"
#include "wait.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>

using namespace scopewright::integration;
using scopewright::Properties;

namespace {

bool logged(const PrivateBus& bus, const std::string& start) {
    const std::vector<std::string> log = bus.log(Client());
    return std::any_of(log.begin(), log.end(), [&](const std::string& line) { return line.starts_with(start); });
}

/// Start jobs that have made a unit.
std::ptrdiff_t starts(const PrivateBus& bus) {
    const std::vector<std::string> log = bus.log(Client());
    std::string line;
    std::ptrdiff_t count = 0;
    bool starting = false;
    for (const std::string& entry : log) {
        if (entry.starts_with("StartTransientUnit")) starting = true;
        if (entry.starts_with("StopUnit")) starting = false;
        if (entry.starts_with("JobRemoved") && entry.ends_with(" done") && starting) ++count;
    }
    return count;
}

/// As a client's library asks: it waits for so long, and then no more.
Answer ask(const Client& client, const scopewright::bus::Message& request, std::chrono::milliseconds patience) {
    Answer answer;
    sd_bus_error error{};
    sd_bus_message* reply = nullptr;
    const auto limit = static_cast<std::uint64_t>(std::chrono::microseconds(patience).count());
    if (sd_bus_call(client.raw(), request.raw(), limit, &error, &reply) < 0) {
        answer.error = error.name ? error.name : "";
        answer.text = error.message ? error.message : "";
    }
    answer.reply = scopewright::bus::Message::adopt(reply);
    sd_bus_error_free(&error);
    return answer;
}

char stateOf(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    std::getline(file, line);
    const std::size_t end = line.rfind(')');
    return end == std::string::npos || end + 2 >= line.size() ? 'X' : line[end + 2];
}

/// Another file system over /run as long as it lives, and nothing to be written there.
class FullRun {
public:
    explicit FullRun(bool readOnly) {
        const char* options = "mode=0755,size=4k,nr_inodes=8";
        if (::mount("scopewright-test", "/run", "tmpfs", 0, options) < 0) throw std::runtime_error("mount");
        std::ofstream("/run/full") << std::string(1 << 16, 'x');
        if (readOnly && ::mount(nullptr, "/run", nullptr, MS_REMOUNT | MS_RDONLY, nullptr) < 0)
            throw std::runtime_error("remount");
        const int fd = ::open("/run/new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd >= 0) {
            writable = ::write(fd, "x", 1) == 1;
            ::close(fd);
        }
    }
    FullRun(FullRun&&) = delete;
    ~FullRun() { ::umount2("/run", MNT_DETACH); }

    bool writable = false;
};

} // namespace

TEST_CASE("a daemon that is killed when PID 1 has the unit leaves it to the next one, which answers the same token",
          "[fault-2]") {
    PrivateBus bus;
    Client client;
    Child child;
    std::unique_ptr<Program> daemon = bus.start();
    const Properties properties{{"PIDs", numbers({&child})}, {"Token", std::string("t")}};
    const auto request = [&] {
        return client.request(kManagerPath, kManager, "CreateSandbox", "slow", properties, std::uint64_t{0});
    };
    {
        Pending first(client, request());
        REQUIRE(eventually([&] { return logged(bus, "StartTransientUnit"); }));
        daemon->signal(SIGKILL);
        CHECK(daemon->wait() == 128 + SIGKILL);
        CHECK_FALSE(first.wait().ok());
    }
    Answer again;
    REQUIRE(eventually([&] {
        again = client.send(request());
        return again.ok();
    }));
    const auto [object, unit, group] = again.get<scopewright::bus::ObjectPath, std::string, std::string>();
    CHECK(child.controlGroup() == group + "/payload");
    CHECK(starts(bus) == 1);
}

TEST_CASE("a daemon that was stopped for a while does what was asked meanwhile once, and sees what has happened",
          "[fault-7][fault-53]") {
    PrivateBus bus;
    Client client, leaving;
    Child first, second, ending;
    const std::unique_ptr<Program> daemon = bus.start();
    const std::string group = create(client, "ending", ending);
    daemon->signal(SIGSTOP);
    REQUIRE(eventually([&] { return stateOf(daemon->pid()) == 'T'; }));

    const Properties properties{{"PIDs", numbers({&first})}, {"Token", std::string("t")}};
    const auto request = [&](const Client& from) {
        return from.request(kManagerPath, kManager, "CreateSandbox", "web", properties, std::uint64_t{0});
    };
    CHECK_FALSE(ask(client, request(client), std::chrono::milliseconds(100)).ok());
    {
        // A client that has left when the daemon comes to its call.
        const Client gone;
        const Properties theirs{{"PIDs", numbers({&second})}};
        CHECK(
            sd_bus_send(nullptr,
                        gone.request(kManagerPath, kManager, "CreateSandbox", "theirs", theirs, std::uint64_t{0}).raw(),
                        nullptr) >= 0);
        CHECK(sd_bus_flush(gone.raw()) >= 0);
    }
    ending.kill();
    CHECK(eventually([&] { return !bus.exists(group); }));
    CHECK(starts(bus) == 1);

    daemon->signal(SIGCONT);
    const Answer again = client.send(request(client));
    const auto [object, unit, made] = again.get<scopewright::bus::ObjectPath, std::string, std::string>();
    CHECK(first.controlGroup() == made + "/payload");
    CHECK(eventually(
        [&] { return client.manager("GetSandbox", "ending").error == "org.scopewright1.Error.NoSuchSandbox"; }));
    CHECK(daemon->running());
    // Who calls is asked of the bus, and it knows nobody of that name any more: nothing is done for nobody.
    CHECK(client.manager("GetSandbox", "theirs").error == "org.scopewright1.Error.NoSuchSandbox");
    CHECK(second.alive());
    CHECK(starts(bus) == 2);
}

TEST_CASE("a bus that dies again and again ends each daemon with status 0", "[fault-20][fault-22][attack-58]") {
    for (int round = 0; round < 4; ++round) {
        PrivateBus bus;
        Child child;
        const std::unique_ptr<Program> daemon = bus.start();
        create(Client(), "web", child);
        Client client;
        Properties properties{{"PIDs", numbers({&child})}};
        Pending request(client, client.request(kManagerPath, kManager, "StopSandbox", "web"));
        bus.kill();
        CHECK(daemon->wait() == 0);
    }
}

TEST_CASE("a bus that dies while many calls wait in line ends the daemon", "[fault-20][attack-49]") {
    for (int round = 0; round < 8; ++round) {
        CAPTURE(round);
        PrivateBus bus;
        const std::unique_ptr<Program> daemon = bus.start();
        std::vector<std::unique_ptr<Client>> clients;
        std::vector<std::unique_ptr<Pending>> calls;
        for (int i = 0; i < 6; ++i)
            clients.push_back(std::make_unique<Client>());
        daemon->signal(SIGSTOP);
        for (int i = 0; i < 600; ++i) {
            const Client& client = *clients[static_cast<std::size_t>(i) % clients.size()];
            calls.push_back(std::make_unique<Pending>(client, client.request(kManagerPath, kManager, "Describe")));
        }
        for (const auto& client : clients)
            client->bus("GetId").must();
        daemon->signal(SIGCONT);
        // Some are read and some are answered by then; which ones is another question each time.
        const auto over = std::chrono::steady_clock::now() + std::chrono::microseconds(500 * round);
        while (std::chrono::steady_clock::now() < over) {}
        bus.kill();
        CHECK(daemon->wait() == 0);
    }
}

TEST_CASE("a full or read-only /run is nothing that the daemon needs", "[fault-25][fault-26]") {
    for (const bool readOnly : {false, true}) {
        CAPTURE(readOnly);
        PrivateBus bus;
        const FullRun run(readOnly);
        REQUIRE_FALSE(run.writable);
        Client client;
        Child child;
        std::unique_ptr<Program> daemon = bus.start();
        const std::string group = create(client, "web", child, "t");
        client.manager("CreateCompatGroup", "web", "c1", Properties(), std::uint64_t{0}).must();
        const std::string before = std::get<0>(client.manager("Describe").get<std::string>());
        daemon->signal(SIGKILL);
        daemon->wait();
        daemon = bus.start();
        CHECK(std::get<0>(client.manager("Describe").get<std::string>()) == before);
        client.manager("StopSandbox", "web").must();
        CHECK_FALSE(bus.exists(group));
    }
}

TEST_CASE("a daemon without descriptors to spare says so, lives, and goes on when it has some again", "[fault-49]") {
    PrivateBus bus;
    Client client;
    std::deque<Child> children(40);
    const std::unique_ptr<Program> daemon = bus.start();
    create(client, "web", children.front());
    const auto used = static_cast<rlim_t>(
        std::distance(std::filesystem::directory_iterator("/proc/" + std::to_string(daemon->pid()) + "/fd"), {}));
    rlimit before{};
    REQUIRE(::prlimit(daemon->pid(), RLIMIT_NOFILE, nullptr, &before) == 0);
    const rlimit few{used + 4, before.rlim_max};
    std::vector<const Child*> many;
    for (Child& child : children)
        if (&child != &children.front()) many.push_back(&child);
    const Properties properties{{"PIDs", numbers(many)}};
    const auto ask = [&] { return client.manager("CreateSandbox", "many", properties, std::uint64_t{0}); };
    REQUIRE(::prlimit(daemon->pid(), RLIMIT_NOFILE, &few, nullptr) == 0);
    CHECK(ask().error == "org.freedesktop.DBus.Error.LimitsExceeded");
    CHECK(client.manager("GetSandbox", "web").ok());
    CHECK(Client().manager("ListSandboxes").ok());
    CHECK(starts(bus) == 1);
    REQUIRE(::prlimit(daemon->pid(), RLIMIT_NOFILE, &before, nullptr) == 0);
    CHECK(ask().ok());
    client.manager("StopSandbox", "web").must();
    CHECK(daemon->running());
}

TEST_CASE("a daemon without memory fails requests or ends, and nothing is lost either way", "[fault-48]") {
#if defined(__SANITIZE_ADDRESS__)
    SKIP_TEST("the sanitizer has an allocator of its own");
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
    SKIP_TEST("the sanitizer has an allocator of its own");
#endif
#endif
    const char* module = std::getenv("SCOPEWRIGHT_FAILING_MALLOC");
    REQUIRE(module);
    REQUIRE(::access(module, R_OK) == 0);
    int refused = 0;
    for (const char* every : {"3", "17", "29", "53", "97", "211"}) {
        CAPTURE(every);
        PrivateBus bus;
        const Directory directory;
        ::setenv("LD_PRELOAD", module, 1);
        ::setenv("SCOPEWRIGHT_TEST_FAIL_WHILE", directory.path("armed").c_str(), 1);
        ::setenv("SCOPEWRIGHT_TEST_FAIL_EVERY", every, 1);
        const std::unique_ptr<Program> daemon = bus.start();
        ::unsetenv("LD_PRELOAD");
        Client client;
        Child old;
        std::deque<Child> children(6);
        const std::string group = create(client, "old", old);
        const auto request = [&](std::size_t i) {
            const Properties properties{{"PIDs", numbers({&children[i]})}, {"Token", std::string("t")}};
            return client.request(kManagerPath, kManager, "CreateSandbox", "n" + std::to_string(i), properties,
                                  std::uint64_t{0});
        };
        directory.write("armed", "");
        for (std::size_t i = 0; i < children.size() && daemon->running(); ++i)
            refused += ask(client, request(i), std::chrono::seconds(2)).ok() ? 0 : 1;
        std::filesystem::remove(directory.path("armed"));
        daemon->signal(SIGKILL);
        daemon->wait();
        CHECK(old.alive());
        CHECK(old.controlGroup() == group + "/payload");
        CHECK(client.manager("GetSandbox", "old").ok());
        for (std::size_t i = 0; i < children.size(); ++i) {
            CAPTURE(i);
            Answer answer;
            CHECK(eventually([&] {
                answer = client.send(request(i));
                return answer.ok();
            }));
            CHECK(children[i].alive());
            const auto [object, unit, made] = answer.get<scopewright::bus::ObjectPath, std::string, std::string>();
            CHECK(children[i].controlGroup() == made + "/payload");
        }
    }
    CHECK(refused > 6);
}
