// SPDX-License-Identifier: LGPL-2.1-or-later
#include "crash/group_lines.h"

#include "crash/device_lines.h"

#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>

namespace scopewright::integration {

namespace {

std::string contentOf(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    if (file) text << file.rdbuf();
    std::string content = text.str();
    while (content.ends_with('\n'))
        content.pop_back();
    std::replace(content.begin(), content.end(), '\n', ';');
    return content;
}

/// What processes are in it, how much they use and what to do with them is no setting.
bool isSetting(const std::string& name, mode_t mode) {
    constexpr std::array<std::string_view, 2> kLists{"cgroup.procs", "cgroup.threads"};
    constexpr std::array<std::string_view, 2> kMoving{".pressure", ".peak"};
    return (mode & S_IWUSR) != 0 && (mode & S_IRUSR) != 0 &&
           std::find(kLists.begin(), kLists.end(), name) == kLists.end() &&
           std::none_of(kMoving.begin(), kMoving.end(), [&](std::string_view end) { return name.ends_with(end); });
}

/// A kernel has the same files everywhere, and a group has some fifty of them.
bool isSettingFile(const std::filesystem::path& path) {
    static std::map<std::string, bool> known;
    const std::string name = path.filename();
    const auto found = known.find(name);
    if (found != known.end()) return found->second;
    struct stat status {};
    return ::lstat(path.c_str(), &status) == 0 && (known[name] = isSetting(name, status.st_mode));
}

std::string ownerOf(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) < 0) return "?";
    return std::to_string(status.st_uid) + ":" + std::to_string(status.st_gid);
}

/// The names of those that are this project's; PID 1 has its own.
std::string marksOf(const std::string& path) {
    std::array<char, 4096> list{};
    const ssize_t length = ::listxattr(path.c_str(), list.data(), list.size());
    std::string marks;
    std::string_view rest(list.data(), length < 0 ? 0 : static_cast<std::size_t>(length));
    while (!rest.empty()) {
        const std::string_view name = rest.substr(0, rest.find('\0'));
        if (name.find("scopewright") != std::string_view::npos) marks += " " + std::string(name);
        rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    }
    return marks;
}

std::size_t strangersIn(const std::string& group, const std::vector<pid_t>& known) {
    std::ifstream file(group + "/cgroup.procs");
    std::size_t strangers = 0;
    for (pid_t pid; file >> pid;)
        if (std::find(known.begin(), known.end(), pid) == known.end()) ++strangers;
    return strangers;
}

void addGroup(std::map<std::string, std::string>& lines, const std::string& path, const std::string& name,
              const std::vector<pid_t>& known) {
    const std::size_t strangers = strangersIn(path, known);
    if (!name.ends_with(".slice") || strangers > 0) {
        lines["group " + name] = "of " + ownerOf(path) + ", its processes of " + ownerOf(path + "/cgroup.procs") +
                                 ", marks" + marksOf(path) + marksOf(path + "/cgroup.max.depth");
        if (const std::string programs = devicePrograms(path); !programs.empty())
            lines["device programs of " + name] = programs;
        if (strangers > 0) lines["strangers in " + name] = std::to_string(strangers);
    }
    std::error_code gone;
    for (const auto& entry : std::filesystem::directory_iterator(path, gone)) {
        const std::string file = name + "/" + entry.path().filename().string();
        if (entry.is_directory(gone))
            addGroup(lines, entry.path(), file, known);
        else if (!name.ends_with(".slice") && isSettingFile(entry.path()))
            lines["file " + file] = contentOf(entry.path());
    }
}

} // namespace

std::map<std::string, std::string> groupLines(const std::string& directory, const std::vector<pid_t>& known) {
    std::map<std::string, std::string> lines;
    std::error_code gone;
    for (const auto& entry : std::filesystem::directory_iterator(directory, gone))
        if (entry.is_directory(gone)) addGroup(lines, entry.path(), entry.path().filename(), known);
    return lines;
}

} // namespace scopewright::integration
