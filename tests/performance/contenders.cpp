// SPDX-License-Identifier: LGPL-2.1-or-later
#include "contenders.h"

#include "figures.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <stdexcept>

namespace scopewright::performance {

namespace {

class BareContender : public Contender {
public:
    explicit BareContender(Transport transport) : transport_(transport), bare_(transport) {}

    const char* name() const override {
        return transport_ == Transport::Bus ? "bare, system bus" : "bare, PID 1's socket";
    }
    double start(const std::string& name, pid_t pid) override {
        return timed([&] { bare_.start(unit(name), pid); });
    }
    double stop(const std::string& name) override {
        return timed([&] { bare_.stop(unit(name)); });
    }

private:
    Transport transport_;
    Bare bare_;
};

class Libcontainer : public Contender {
public:
    Libcontainer() {
        int to[2];
        int from[2];
        if (::pipe2(to, O_CLOEXEC) < 0 || ::pipe2(from, O_CLOEXEC) < 0) throw errnoError("make a pipe", errno);
        pid_ = ::fork();
        if (pid_ < 0) throw errnoError("fork", errno);
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::dup2(to[0], STDIN_FILENO);
            ::dup2(from[1], STDOUT_FILENO);
            ::execl(kProgram, kProgram, static_cast<char*>(nullptr));
            ::_exit(127);
        }
        ::close(to[0]);
        ::close(from[1]);
        commands_ = ::fdopen(to[1], "w");
        answers_ = ::fdopen(from[0], "r");
    }
    ~Libcontainer() override {
        std::fclose(commands_);
        std::fclose(answers_);
        ::waitpid(pid_, nullptr, 0);
    }

    const char* name() const override { return "libcontainer"; }
    double start(const std::string& name, pid_t pid) override {
        return ask("start " + name + " " + std::to_string(pid));
    }
    double stop(const std::string& name) override { return ask("stop " + name); }

private:
    static constexpr const char* kProgram = "/usr/libexec/scopewright-tests/libcontainer-peer";

    double ask(const std::string& command) {
        std::fprintf(commands_, "%s\n", command.c_str());
        std::fflush(commands_);
        char line[1024] = "";
        double nanoseconds = 0;
        if (!std::fgets(line, sizeof line, answers_) || std::sscanf(line, "ok %lf", &nanoseconds) != 1)
            throw std::runtime_error("libcontainer: " + command + ": " + line);
        return nanoseconds / 1000;
    }

    pid_t pid_;
    FILE* commands_;
    FILE* answers_;
};

class Scopewright : public Contender {
public:
    const char* name() const override { return "scopewright"; }
    double start(const std::string& name, pid_t pid) override {
        return timed([&] { client_.send(createRequest(client_, name, pid)).must(); });
    }
    double stop(const std::string& name) override {
        return timed([&] { client_.manager("StopSandbox", name).must(); });
    }
    std::string unit(const std::string& name) const override { return unitOf(name); }

private:
    integration::Client client_;
};

} // namespace

std::unique_ptr<Contender> bare(Transport transport) {
    return std::make_unique<BareContender>(transport);
}

std::unique_ptr<Contender> libcontainer() {
    return std::make_unique<Libcontainer>();
}

std::unique_ptr<Contender> scopewright() {
    return std::make_unique<Scopewright>();
}

bus::Message createRequest(const integration::Client& client, const std::string& name, pid_t pid) {
    const Properties properties{{"PIDs", std::vector<std::uint32_t>{static_cast<std::uint32_t>(pid)}}};
    return client.request(integration::kManagerPath, integration::kManager, "CreateSandbox", name, properties,
                          std::uint64_t{0});
}

/// A program of its own: thousands of copies of this one would share its pages, and the kernel walks through all of
/// them when one ends, and holds up every end whenever it looks at such a page.
Payload::Payload(std::string unit) : unit_(std::move(unit)) {
    int running[2];
    if (::pipe2(running, O_CLOEXEC) < 0) throw errnoError("make a pipe", errno);
    pid_ = ::fork();
    const int error = errno;
    if (pid_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::execl("/bin/sleep", "sleep", "infinity", static_cast<char*>(nullptr));
        ::_exit(127);
    }
    ::close(running[1]);
    // The other end is closed when the program runs.
    pollfd end{running[0], POLLIN, 0};
    if (pid_ > 0) ::poll(&end, 1, -1);
    ::close(running[0]);
    if (pid_ < 0) throw errnoError("fork", error);
}

Payload::~Payload() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    constexpr int kPatience = 5000;
    for (int look = 0; look < kPatience && ::access(directoryOf(unit_).c_str(), F_OK) == 0; ++look)
        ::poll(nullptr, 0, 1);
}

} // namespace scopewright::performance
