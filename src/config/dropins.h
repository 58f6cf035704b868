// SPDX-License-Identifier: LGPL-2.1-or-later
// Which configuration files there are, in which order they apply, what masks what, and which of them can be trusted.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace scopewright::config {

enum class Severity { Warning, Error };

struct Diagnostic {
    std::string file;
    unsigned line = 0; ///< 0: the whole file is meant
    unsigned column = 0;
    std::string message;
    Severity severity = Severity::Error;
};

/// "file:line:column: message" on one line, safe for a log.
std::string toString(const Diagnostic& diagnostic);

/// The directories that may hold scopewright/scopewright.toml and its drop-ins, the strongest first.
using SearchDirs = std::vector<std::string>;

SearchDirs systemDirs();

/// … and those of a user's own instance.
SearchDirs userDirs();

/// The main file (if any) and then the drop-ins, in the order in which they apply, without what is masked.
std::vector<std::string> listFiles(const SearchDirs& dirs, std::vector<Diagnostic>& diagnostics);

inline constexpr std::size_t kLargestFile = 65536;

/// The content of a file that nobody but root (or the user we run as) can have written; throws Error for any other.
std::string readTrusted(const std::string& path);

} // namespace scopewright::config
