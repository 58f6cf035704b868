// SPDX-License-Identifier: LGPL-2.1-or-later
// A temporary directory with the two strongest configuration directories in it.
#pragma once

#include "base/error.h"
#include "config/dropins.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace scopewright::config {

class ConfigTree {
public:
    ConfigTree() {
        std::string name = (std::filesystem::temp_directory_path() / "scopewright-config-XXXXXX").string();
        if (!::mkdtemp(name.data())) throw errnoError("mkdtemp");
        root_ = name;
    }
    ConfigTree(const ConfigTree&) = delete;
    ConfigTree& operator=(const ConfigTree&) = delete;
    ~ConfigTree() { std::filesystem::remove_all(root_); }

    SearchDirs dirs() const { return {path("etc"), path("usr")}; }

    /// The path, below the root, of something whose directory now exists.
    std::string path(const std::string& name) const {
        const std::filesystem::path whole = root_ / name;
        std::filesystem::create_directories(whole.parent_path());
        return whole.string();
    }

    std::string write(const std::string& name, std::string_view content) const {
        const std::string whole = path(name);
        std::ofstream(whole, std::ios::binary) << content;
        std::filesystem::permissions(whole, static_cast<std::filesystem::perms>(0644));
        return whole;
    }

    std::string link(const std::string& name, const std::string& target) const {
        const std::string whole = path(name);
        std::filesystem::create_symlink(target, whole);
        return whole;
    }

    std::string main(const std::string& directory, std::string_view content) const {
        return write(directory + "/scopewright/scopewright.toml", content);
    }

    std::string dropin(const std::string& directory, const std::string& name, std::string_view content) const {
        return write(directory + "/scopewright/scopewright.toml.d/" + name, content);
    }

private:
    std::filesystem::path root_;
};

} // namespace scopewright::config
