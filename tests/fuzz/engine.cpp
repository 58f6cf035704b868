// SPDX-License-Identifier: LGPL-2.1-or-later
// What libFuzzer calls: the one target that this program has.
#include "fuzz.h"

#include "base/log.h"

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    scopewright::log::setUp(scopewright::log::Level::Error);
    std::signal(SIGPIPE, SIG_IGN);
    const scopewright::fuzz::Target& target = scopewright::fuzz::targets().front();
    if (const std::string reason = target.whyNot ? target.whyNot() : ""; !reason.empty()) {
        std::printf("%s cannot run here: %s\n", target.name, reason.c_str());
        std::exit(77);
    }
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const char* text = size > 0 ? reinterpret_cast<const char*>(data) : "";
    scopewright::fuzz::targets().front().run(std::string_view(text, size));
    return 0;
}
