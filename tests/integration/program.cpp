// SPDX-License-Identifier: LGPL-2.1-or-later
#include "program.h"

#include "wait.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace scopewright::integration {

namespace {

std::string newFile() {
    std::string name = "/tmp/scopewright-test-XXXXXX";
    const int fd = ::mkostemp(name.data(), O_CLOEXEC);
    if (fd < 0) throw std::runtime_error("cannot make a file");
    ::close(fd);
    return name;
}

} // namespace

Program::Program(const std::vector<std::string>& argv, const std::string& output)
    : file_(output.empty() ? newFile() : output), own_(output.empty()) {
    std::vector<char*> words;
    for (const std::string& word : argv)
        words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, file_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    const int error = ::posix_spawnp(&pid_, words[0], &actions, nullptr, words.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) throw std::runtime_error("cannot start " + argv[0]);
}

Program::~Program() {
    if (running()) {
        ::kill(pid_, SIGKILL);
        wait();
    }
    if (own_) ::unlink(file_.c_str());
}

bool Program::running() {
    int status = 0;
    if (status_) return false;
    const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
    if (ended == 0) return true;
    status_ = ended == pid_ && WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return false;
}

void Program::signal(int number) const {
    ::kill(pid_, number);
}

std::optional<int> Program::wait() {
    eventually([&] { return !running(); });
    return status_;
}

std::string Program::output() const {
    std::ifstream file(file_);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

std::string run(const std::vector<std::string>& argv) {
    Program program(argv);
    const std::optional<int> status = program.wait();
    if (status != 0)
        throw std::runtime_error(argv[0] + " ended with " + (status ? std::to_string(*status) : "nothing") + ": " +
                                 program.output());
    return program.output();
}

} // namespace scopewright::integration
