// SPDX-License-Identifier: LGPL-2.1-or-later
// Runs in a guest as root: performance-bench [SECTION…]. The last line is everything that was measured, as JSON.
#include "sections.h"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

namespace {

struct Section {
    const char* name;
    void (*run)(scopewright::performance::Figures&);
};

} // namespace

int main(int argc, char** argv) {
    using namespace scopewright::performance;
    constexpr Section kSections[] = {
        {"activation", activation},
        {"memory", memory},
        {"start", start},
        {"stop", stop},
        {"concurrency", concurrency},
        {"groups", groups},
        {"noise", noise},
        {"scale", scale},
        {"flood", flood},
    };
    const std::vector<std::string> wanted(argv + 1, argv + argc);
    Figures figures;
    bool failed = false;
    for (const Section& section : kSections) {
        if (!wanted.empty() && std::ranges::find(wanted, section.name) == wanted.end()) continue;
        try {
            section.run(figures);
        } catch (const std::exception& error) {
            std::printf("%s: %s\n", section.name, error.what());
            failed = true;
        }
    }
    std::printf("JSON %s\n", figures.json().c_str());
    return failed ? 1 : 0;
}
