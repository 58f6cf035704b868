// SPDX-License-Identifier: LGPL-2.1-or-later
// What libFuzzer calls: the target that "--target=NAME" names, for libFuzzer leaves alone what begins with two dashes.
#include "fuzz.h"

#include "base/log.h"

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

const scopewright::fuzz::Target* chosen = nullptr;

} // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
    constexpr std::string_view kOption = "--target=";
    scopewright::log::setUp(scopewright::log::Level::Error);
    std::signal(SIGPIPE, SIG_IGN);
    for (int i = 1; i < *argc; ++i) {
        const std::string_view word = (*argv)[i];
        if (!word.starts_with(kOption)) continue;
        for (const scopewright::fuzz::Target& target : scopewright::fuzz::targets())
            if (word.substr(kOption.size()) == target.name) chosen = &target;
    }
    if (!chosen) {
        std::fprintf(stderr, "which one? --target=NAME; tests/fuzz/run --list\n");
        std::exit(2);
    }
    if (const std::string reason = chosen->whyNot ? chosen->whyNot() : ""; !reason.empty()) {
        std::printf("%s cannot run here: %s\n", chosen->name, reason.c_str());
        std::exit(77);
    }
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const char* text = size > 0 ? reinterpret_cast<const char*>(data) : "";
    chosen->run(std::string_view(text, size));
    return 0;
}
