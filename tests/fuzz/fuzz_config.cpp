// SPDX-License-Identifier: LGPL-2.1-or-later
// Configuration files, up to three of them between lines of "---", read one after the other as drop-ins are.
#include "base/fd.h"
#include "config/config.h"
#include "fuzz.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

namespace scopewright::fuzz {

namespace {

/// Where the files of one input stand; they go with the program.
class Files {
public:
    Files() {
        std::string name = std::filesystem::temp_directory_path() / "scopewright-fuzz-XXXXXX";
        if (!::mkdtemp(name.data())) throw std::runtime_error("cannot make a directory");
        directory_ = name;
    }
    Files(Files&&) = delete;
    ~Files() {
        std::error_code ignored;
        std::filesystem::remove_all(directory_, ignored);
    }

    std::string write(std::size_t number, std::string_view content) const {
        const std::string path = directory_ / (std::to_string(number) + ".toml");
        const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        if (::write(file.value(), content.data(), content.size()) != static_cast<ssize_t>(content.size()))
            throw std::runtime_error("cannot write " + path);
        return path;
    }

private:
    std::filesystem::path directory_;
};

void examine(const config::Config& config, std::string_view input) {
    expect(config::isSliceName(config.defaultSlice), "a default slice", config.defaultSlice);
    expect(config::allowsSlice(config, config.defaultSlice), "a default slice that is not allowed", input);
    for (const std::string& slice : config.allowedSlices) {
        const std::string name = slice.ends_with("*.slice") ? slice.substr(0, slice.size() - 7) + "x.slice" : slice;
        expect(config::isSliceName(name) && isVisible(slice), "an allowed slice", slice);
    }
    for (uid_t uid : {uid_t(1), uid_t(4294967294)})
        expect(config::isSliceName(config::userSlice(config, uid)), "a user's slice", config::userSlice(config, uid));
    expect(isOf(config.nameTemplate, std::string(kLower) + "_.:-{}"), "a template", config.nameTemplate);
    expect(config.nameTemplate.find("{name}") != std::string::npos, "a template without a name", config.nameTemplate);
    expect(config.jobTimeout.count() > 0 && config.stopTimeout.count() > 0 && config.idleTimeout.count() > 0, "a time",
           input);
    expect(config.callsPerClient > 0 && config.requestBytes >= 1024 && config.sandboxes > 0, "a bound", input);
}

void run(std::string_view input) {
    static const Files files;
    constexpr std::size_t kMostFiles = 3;
    constexpr std::string_view kBetween = "\n---\n";
    std::vector<std::string> paths;
    for (std::string_view rest = input; paths.size() < kMostFiles;) {
        const std::size_t end = rest.find(kBetween);
        paths.push_back(files.write(paths.size(), rest.substr(0, end)));
        if (end == std::string_view::npos) break;
        rest.remove_prefix(end + kBetween.size());
    }
    const config::Loaded loaded = config::loadFiles(paths);
    for (const config::Diagnostic& diagnostic : loaded.diagnostics) {
        expect(isVisible(config::toString(diagnostic)), "a diagnostic", diagnostic.message);
        expect(std::ranges::find(paths, diagnostic.file) != paths.end(), "a diagnostic of no file", diagnostic.file);
    }
    expect(loaded.files.size() <= paths.size(), "more files than there are", input);
    examine(loaded.config, input);
    const std::string printed = config::toToml(loaded.config);
    const config::Loaded again = config::loadFiles({files.write(kMostFiles, printed)});
    expect(again.diagnostics.empty(), "a configuration that is refused when it is printed", printed);
    expect(again.config == loaded.config, "a configuration that does not stay", printed);
}

const Registration kTarget("config", run);

} // namespace

} // namespace scopewright::fuzz
