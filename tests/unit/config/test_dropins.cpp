// SPDX-License-Identifier: LGPL-2.1-or-later
// The order of the files, what masks what, and files that nobody should trust.
#include "config/dropins.h"

#include "base/error.h"
#include "catch.h"
#include "config_tree.h"

#include <sys/stat.h>
#include <unistd.h>

using namespace scopewright;
using namespace scopewright::config;

namespace {

using Paths = std::vector<std::string>;

Paths list(const SearchDirs& dirs) {
    std::vector<Diagnostic> diagnostics;
    const Paths paths = listFiles(dirs, diagnostics);
    CHECK(diagnostics.empty());
    return paths;
}

/// What readTrusted() says against `path`; empty when it reads it.
std::string complaint(const std::string& path) {
    try {
        readTrusted(path);
        return "";
    } catch (const Error& error) {
        return error.what();
    }
}

} // namespace

TEST_CASE("the system's directories are those of systemd, the administrator's first") {
    CHECK(systemDirs() == SearchDirs{"/etc", "/run", "/usr/local/lib", "/usr/lib"});
}

TEST_CASE("no configuration at all is no problem") {
    const ConfigTree tree;
    CHECK(list(tree.dirs()).empty());
    CHECK(list({}).empty());
}

TEST_CASE("the first main file wins and the others are not read") {
    const ConfigTree tree;
    const std::string vendor = tree.main("usr", "x");
    CHECK(list(tree.dirs()) == Paths{vendor});
    const std::string local = tree.main("etc", "x");
    CHECK(list(tree.dirs()) == Paths{local});
}

TEST_CASE("drop-ins of all directories follow the main file, by file name regardless of the directory") {
    const ConfigTree tree;
    const std::string main = tree.main("usr", "x");
    const std::string third = tree.dropin("etc", "60-local.toml", "x");
    const std::string second = tree.dropin("usr", "20-b.conf", "x");
    const std::string first = tree.dropin("etc", "10-a.toml", "x");
    const std::string fourth = tree.dropin("usr", "90-z.toml", "x");
    CHECK(list(tree.dirs()) == Paths{main, first, second, third, fourth});
}

TEST_CASE("a drop-in in a stronger directory replaces the one of the same name") {
    const ConfigTree tree;
    const std::string local = tree.dropin("etc", "20-a.toml", "x");
    tree.dropin("usr", "20-a.toml", "x");
    const std::string other = tree.dropin("usr", "20-a.conf", "x");
    CHECK(list(tree.dirs()) == Paths{other, local});
}

TEST_CASE("hidden files and other suffixes are not drop-ins") {
    const ConfigTree tree;
    for (const char* name : {".10-a.toml", "10-a.toml~", "10-a.toml.dpkg-old", "README", "toml"})
        tree.dropin("etc", name, "x");
    CHECK(list(tree.dirs()).empty());
}

TEST_CASE("a link to /dev/null or an empty file masks the drop-ins of its name") {
    const ConfigTree tree;
    tree.dropin("usr", "10-a.toml", "x");
    tree.dropin("usr", "20-b.toml", "x");
    tree.dropin("usr", "30-c.toml", "x");
    const std::string last = tree.dropin("usr", "40-d.toml", "x");
    tree.link("etc/scopewright/scopewright.toml.d/10-a.toml", "/dev/null");
    tree.link("etc/scopewright/scopewright.toml.d/20-b.toml", "../../../../../../../../../dev/null");
    tree.dropin("etc", "30-c.toml", "");
    CHECK(list(tree.dirs()) == Paths{last});
}

TEST_CASE("a masked main file hides the vendor's and leaves the drop-ins alone") {
    const ConfigTree tree;
    tree.main("usr", "x");
    const std::string dropin = tree.dropin("usr", "10-a.toml", "x");
    tree.link("etc/scopewright/scopewright.toml", "/dev/null");
    CHECK(list(tree.dirs()) == Paths{dropin});
}

TEST_CASE("a drop-in directory that cannot be listed is reported and the others still count") {
    const ConfigTree tree;
    const std::string notADirectory = tree.write("etc/scopewright/scopewright.toml.d", "x");
    const std::string dropin = tree.dropin("usr", "10-a.toml", "x");
    std::vector<Diagnostic> diagnostics;
    CHECK(listFiles(tree.dirs(), diagnostics) == Paths{dropin});
    REQUIRE(diagnostics.size() == 1);
    CHECK(toString(diagnostics[0]) == notADirectory + ": cannot list the directory: Not a directory");
    CHECK(diagnostics[0].severity == Severity::Error);
}

TEST_CASE("a trusted file is read whole") {
    const ConfigTree tree;
    CHECK(readTrusted(tree.write("a", "one\ntwo\n")) == "one\ntwo\n");
    CHECK(readTrusted(tree.write("largest", std::string(kLargestFile, '#'))).size() == kLargestFile);
}

TEST_CASE("a file that is too large is refused", "[attack-17]") {
    const ConfigTree tree;
    CHECK(complaint(tree.write("a", std::string(kLargestFile + 1, '#'))) == "is larger than 65536 bytes");
    CHECK(complaint(tree.write("b", std::string(100 * kLargestFile, '#'))) == "is larger than 65536 bytes");
}

TEST_CASE("links are refused even when they lead to a good file", "[attack-17]") {
    const ConfigTree tree;
    const std::string target = tree.write("a", "x");
    const std::string expected = "is a symbolic link; only links to /dev/null are followed";
    CHECK(complaint(tree.link("link", target)) == expected);
    CHECK(complaint(tree.link("dangling", tree.path("nothing"))) == expected);
}

TEST_CASE("what is not a regular file is refused without waiting for it", "[attack-17]") {
    const ConfigTree tree;
    const std::string fifo = tree.path("fifo");
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    CHECK(complaint(fifo) == "is not a regular file");
    CHECK(complaint(tree.path("")) == "is not a regular file");
    CHECK(complaint("/dev/zero") == "is not a regular file");
}

TEST_CASE("a file that others can write is refused", "[attack-17]") {
    const ConfigTree tree;
    const std::string path = tree.write("a", "x");
    for (const mode_t mode : {0664U, 0646U, 0666U}) {
        REQUIRE(::chmod(path.c_str(), mode) == 0);
        CHECK(complaint(path) == "can be written by others; run chmod go-w on it");
    }
    REQUIRE(::chmod(path.c_str(), 0444) == 0);
    CHECK(complaint(path).empty());
}

TEST_CASE("a file of another user is refused", "[attack-17]") {
    if (::geteuid() != 0) SKIP_TEST("only root can give files away");
    const ConfigTree tree;
    const std::string path = tree.write("a", "x");
    REQUIRE(::chown(path.c_str(), 65534, 0) == 0);
    CHECK(complaint(path) == "belongs to uid 65534; root must own it");
}

TEST_CASE("a missing file is an error that says so") {
    const ConfigTree tree;
    CHECK(complaint(tree.path("a")) == "cannot open: No such file or directory");
}

TEST_CASE("a diagnostic becomes one line, whatever the file is called", "[attack-57]") {
    CHECK(toString({.file = "/etc/a.toml", .line = 3, .column = 7, .message = "no"}) == "/etc/a.toml:3:7: no");
    CHECK(toString({.file = "/etc/a\n.toml", .message = "no\tgood"}) == "/etc/a?.toml: no?good");
    const std::string longMessage(1000, 'x');
    CHECK(toString({.file = "f", .message = longMessage}) == "f: " + longMessage);
}
