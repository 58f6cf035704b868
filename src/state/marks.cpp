// SPDX-License-Identifier: LGPL-2.1-or-later
#include "state/marks.h"

#include "base/error.h"
#include "state/text.h"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

namespace scopewright::state {

namespace {

constexpr const char* kAttribute = "user.scopewright.group";
constexpr const char* kIntent = "user.scopewright.intent";

/// What the kernel takes for one attribute.
constexpr std::size_t kLongestMark = 65536;

void write(int fd, const char* attribute, const std::string& text, const std::string& what) {
    if (text.size() > kLongestMark)
        throw Error(ErrorCode::LimitsExceeded, "the resources of " + what + " take " + std::to_string(text.size()) +
                                                   " bytes to remember, more than " + std::to_string(kLongestMark));
    if (::fsetxattr(fd, attribute, text.data(), text.size(), 0) < 0) throw errnoError("mark " + what);
}

/// A group that is gone has no attributes any more.
bool isAbsence(int error) {
    return error == ENODATA || error == ENODEV || error == ENOENT;
}

std::optional<std::string> read(int fd, const char* attribute) {
    struct stat status {};
    if (fd < 0) return std::nullopt;
    if (::fstat(fd, &status) < 0) throw errnoError("look at a mark");
    if (status.st_uid != ::geteuid()) return std::nullopt;
    // Nearly all are short.
    std::string text(512, '\0');
    ssize_t size = ::fgetxattr(fd, attribute, text.data(), text.size());
    if (size < 0 && errno == ERANGE) {
        text.resize(kLongestMark);
        size = ::fgetxattr(fd, attribute, text.data(), text.size());
    }
    // That there is none is one thing, that it cannot be read now another.
    if (size < 0 && !isAbsence(errno)) throw errnoError("read a mark");
    if (size < 0) return std::nullopt;
    text.resize(static_cast<std::size_t>(size));
    return text;
}

void remove(int fd, const char* attribute) {
    if (fd >= 0 && ::fremovexattr(fd, attribute) < 0 && !isAbsence(errno)) throw errnoError("take a mark away");
}

} // namespace

std::string toText(const Mark& mark) {
    std::string skipped;
    for (const auto& [key, cause] : mark.skipped)
        skipped += (skipped.empty() ? "" : ",") + key + ":" + cause;
    return seal("v=1 kind=" + mark.kind + " name=" + mark.name + " res=" + mark.resources + " skip=" + skipped);
}

std::optional<Mark> parseMark(std::string_view text) {
    const auto words = unseal(text);
    if (!words || !words->contains("v") || words->at("v") != "1") return std::nullopt;
    for (const char* key : {"kind", "name", "res", "skip"})
        if (!words->contains(key)) return std::nullopt;
    Mark mark{words->at("kind"), words->at("name"), words->at("res"), {}};
    std::string_view skipped = words->at("skip");
    while (!skipped.empty()) {
        const std::size_t comma = skipped.find(',');
        const std::string_view item = skipped.substr(0, comma);
        const std::size_t colon = item.find(':');
        if (colon == std::string_view::npos) return std::nullopt;
        mark.skipped.emplace_back(item.substr(0, colon), item.substr(colon + 1));
        skipped.remove_prefix(comma == std::string_view::npos ? skipped.size() : comma + 1);
    }
    return mark;
}

void setMark(int fd, const Mark& mark) {
    write(fd, kAttribute, toText(mark), "group " + quoted(mark.name));
}

std::optional<Mark> readMark(int fd) {
    const std::optional<std::string> text = read(fd, kAttribute);
    return text ? parseMark(*text) : std::nullopt;
}

bool isMarked(int fd) {
    if (fd < 0) return false;
    const bool marked = ::fgetxattr(fd, kAttribute, nullptr, 0) >= 0;
    if (!marked && !isAbsence(errno)) throw errnoError("look for a mark");
    return marked;
}

void removeMark(int fd) {
    remove(fd, kAttribute);
}

void setIntent(int fd, const std::string& resources) {
    write(fd, kIntent, seal("v=1 res=" + resources), "an update");
}

std::optional<std::string> readIntent(int fd) {
    const std::optional<std::string> text = read(fd, kIntent);
    const auto words = text ? unseal(*text) : std::nullopt;
    if (!words || !words->contains("v") || words->at("v") != "1" || !words->contains("res")) return std::nullopt;
    return words->at("res");
}

void clearIntent(int fd) {
    remove(fd, kIntent);
}

} // namespace scopewright::state
