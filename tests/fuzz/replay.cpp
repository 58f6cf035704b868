// SPDX-License-Identifier: LGPL-2.1-or-later
// Runs every target on its folder of a corpus, one line for each input, so that any compiler's build proves that old
// findings stay mended.
//   scopewright-fuzz-replay CORPUS                   every target
//   scopewright-fuzz-replay CORPUS TARGET [FILE…]    one of them, on its folder or on these files
#include "fuzz.h"

#include "base/log.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace {

using namespace scopewright::fuzz;

struct Counts {
    unsigned passed = 0;
    unsigned failed = 0;
    unsigned skipped = 0;
};

std::vector<std::filesystem::path> inputsIn(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> files;
    if (!std::filesystem::is_directory(folder)) return files;
    for (const std::filesystem::directory_entry& entry : std::filesystem::directory_iterator(folder))
        files.push_back(entry.path());
    std::ranges::sort(files);
    return files;
}

/// A finding ends the program; the line that names the input is out before that.
void replay(const Target& target, const std::vector<std::filesystem::path>& files, Counts& counts) {
    if (const std::string reason = target.whyNot ? target.whyNot() : ""; !reason.empty()) {
        std::printf("%s: skipped: %s\n", target.name, reason.c_str());
        counts.skipped += static_cast<unsigned>(files.size());
        return;
    }
    if (files.empty()) {
        std::printf("%s: no inputs\n", target.name);
        ++counts.failed;
    }
    for (const std::filesystem::path& path : files) {
        std::printf("%s: %s\n", target.name, path.filename().c_str());
        std::fflush(stdout);
        std::ifstream file(path, std::ios::binary);
        const std::string input(std::istreambuf_iterator<char>(file), {});
        try {
            if (!file) throw std::runtime_error("cannot be read");
            target.run(input);
            ++counts.passed;
        } catch (const std::exception& error) {
            std::printf("%s: %s: %s\n", target.name, path.c_str(), error.what());
            ++counts.failed;
        }
    }
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: %s CORPUS [TARGET [FILE...]]\n", argv[0]);
        return 2;
    }
    scopewright::log::setUp(scopewright::log::Level::Error);
    std::signal(SIGPIPE, SIG_IGN);
    std::ranges::sort(targets(), {}, [](const Target& target) { return std::string_view(target.name); });
    Counts counts;
    bool known = argc < 3;
    for (const Target& target : targets()) {
        if (argc > 2 && std::strcmp(argv[2], target.name) != 0) continue;
        known = true;
        std::vector<std::filesystem::path> files(argv + std::min(argc, 3), argv + argc);
        replay(target, files.empty() ? inputsIn(std::filesystem::path(argv[1]) / target.name) : files, counts);
    }
    if (!known) {
        std::printf("there is no target '%s'\n", argv[2]);
        ++counts.failed;
    }
    std::printf("%u passed, %u failed, %u skipped\n", counts.passed, counts.failed, counts.skipped);
    return counts.failed > 0 ? 1 : counts.passed == 0 ? 77 : 0;
}
