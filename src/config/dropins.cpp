// SPDX-License-Identifier: LGPL-2.1-or-later
#include "config/dropins.h"

#include "base/error.h"
#include "base/fd.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string_view>
#include <system_error>

namespace scopewright::config {

namespace {

constexpr std::string_view kMainFile = "/scopewright/scopewright.toml";
constexpr std::string_view kDropinDirectory = "/scopewright/scopewright.toml.d";

/// Unlike printable() this keeps the length: a path or a parser's sentence must stay whole.
std::string oneLine(std::string text) {
    std::ranges::replace_if(
        text, [](char c) { return c < ' ' || c > '~'; }, '?');
    return text;
}

/// `systemd-analyze cat-config` shows only *.conf, editors colour only *.toml: both count.
bool isDropinName(std::string_view name) {
    return !name.starts_with('.') && (name.ends_with(".toml") || name.ends_with(".conf"));
}

bool exists(const std::string& path) {
    struct stat status;
    return ::lstat(path.c_str(), &status) == 0;
}

bool isMask(const std::string& path) {
    struct stat status;
    if (::stat(path.c_str(), &status) < 0) return false;
    if (S_ISCHR(status.st_mode)) return status.st_rdev == makedev(1, 3);
    return S_ISREG(status.st_mode) && status.st_size == 0;
}

/// Only adds names that a stronger directory has not claimed.
void addDropins(const std::string& directory, std::map<std::string, std::string>& dropins) {
    for (const std::filesystem::directory_entry& entry : std::filesystem::directory_iterator(directory)) {
        const std::string name = entry.path().filename().string();
        if (isDropinName(name)) dropins.emplace(name, entry.path().string());
    }
}

} // namespace

std::string toString(const Diagnostic& diagnostic) {
    std::string where = oneLine(diagnostic.file) + ":";
    if (diagnostic.line > 0) where += std::to_string(diagnostic.line) + ":" + std::to_string(diagnostic.column) + ":";
    return where + " " + oneLine(diagnostic.message);
}

SearchDirs systemDirs() {
    return {"/etc", "/run", "/usr/local/lib", "/usr/lib"};
}

SearchDirs userDirs() {
    const auto from = [](const char* variable, const std::string& otherwise) {
        const char* value = ::secure_getenv(variable);
        return value && *value == '/' ? std::string(value) : otherwise;
    };
    const std::string home = from("HOME", "");
    SearchDirs dirs{from("XDG_CONFIG_HOME", home.empty() ? "" : home + "/.config"), from("XDG_RUNTIME_DIR", ""),
                    "/etc/xdg", "/usr/local/lib/user", "/usr/lib/user"};
    std::erase(dirs, "");
    return dirs;
}

std::vector<std::string> listFiles(const SearchDirs& dirs, std::vector<Diagnostic>& diagnostics) {
    std::vector<std::string> files;
    for (const std::string& directory : dirs) {
        const std::string path = directory + std::string(kMainFile);
        if (!exists(path)) continue;
        if (!isMask(path)) files.push_back(path);
        break;
    }

    std::map<std::string, std::string> dropins;
    for (const std::string& directory : dirs) {
        const std::string path = directory + std::string(kDropinDirectory);
        try {
            addDropins(path, dropins);
        } catch (const std::filesystem::filesystem_error& error) {
            if (error.code() == std::errc::no_such_file_or_directory) continue;
            diagnostics.push_back({.file = path, .message = "cannot list the directory: " + error.code().message()});
        }
    }
    for (const auto& [name, path] : dropins)
        if (!isMask(path)) files.push_back(path);
    return files;
}

std::string readTrusted(const std::string& path) {
    // O_NONBLOCK: a FIFO must not hold up the start.
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    if (!file && errno == ELOOP)
        throw Error(ErrorCode::AccessDenied, "is a symbolic link; only links to /dev/null are followed");
    if (!file) throw errnoError("cannot open");

    struct stat status;
    if (::fstat(file.value(), &status) < 0) throw errnoError("cannot examine");
    if (!S_ISREG(status.st_mode)) throw Error(ErrorCode::AccessDenied, "is not a regular file");
    if (status.st_uid != 0 && status.st_uid != ::geteuid())
        throw Error(ErrorCode::AccessDenied, "belongs to uid " + std::to_string(status.st_uid) + "; root must own it");
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        throw Error(ErrorCode::AccessDenied, "can be written by others; run chmod go-w on it");

    std::string content(kLargestFile + 1, '\0');
    std::size_t length = 0;
    while (length < content.size()) {
        const ssize_t got = ::read(file.value(), content.data() + length, content.size() - length);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw errnoError("cannot read");
        if (got == 0) break;
        length += static_cast<std::size_t>(got);
    }
    if (length > kLargestFile)
        throw Error(ErrorCode::LimitsExceeded, "is larger than " + std::to_string(kLargestFile) + " bytes");
    content.resize(length);
    return content;
}

} // namespace scopewright::config
