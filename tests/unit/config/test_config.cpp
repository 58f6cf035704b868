// SPDX-License-Identifier: LGPL-2.1-or-later
// Every option from its text to the Config, and what is said about mistakes.
#include "config/config.h"

#include "catch.h"
#include "config_tree.h"

#include <map>
#include <regex>
#include <sstream>

using namespace scopewright;
using namespace scopewright::config;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

/// What is said about the document, without the name of the file.
struct Reading {
    Config config;
    Lines complaints;
};

Reading read(std::string_view document) {
    const ConfigTree tree;
    const std::string path = tree.write("f", document);
    const Loaded loaded = loadFiles({path});
    Reading reading{loaded.config, {}};
    for (const Diagnostic& diagnostic : loaded.diagnostics)
        reading.complaints.push_back(toString(diagnostic).substr(path.size() + 1));
    return reading;
}

Config good(std::string_view document) {
    const Reading reading = read(document);
    CHECK(reading.complaints == Lines{});
    return reading.config;
}

/// One complaint, and nothing has changed.
std::string bad(std::string_view document) {
    CAPTURE(document);
    const Reading reading = read(document);
    CHECK(reading.config == Config{});
    REQUIRE(reading.complaints.size() == 1);
    return reading.complaints[0];
}

std::string wholeFile(const std::string& name) {
    std::ifstream file(std::string(SCOPEWRIGHT_SOURCE_ROOT "/") + name);
    REQUIRE(file.good());
    std::ostringstream content;
    content << file.rdbuf();
    return content.str();
}

/// "[table] key" -> value of each line of `text` that `option` matches, `[table]` being matched by `table`.
std::map<std::string, std::string> options(const std::string& text, const char* table, const char* option) {
    std::map<std::string, std::string> found;
    std::istringstream lines(text);
    std::string section;
    std::smatch match;
    for (std::string line; std::getline(lines, line);) {
        if (std::regex_match(line, match, std::regex(table))) section = match[1];
        if (std::regex_match(line, match, std::regex(option))) found.emplace(section + " " + match.str(1), match[2]);
    }
    return found;
}

std::map<std::string, std::string> builtInOptions() {
    return options(toToml(Config{}), R"((\[\w+\]))", R"(([a-z-]+) = (.*))");
}

} // namespace

TEST_CASE("without a file everything has its default") {
    const ConfigTree tree;
    const Loaded loaded = load(tree.dirs());
    CHECK(loaded.config == Config{});
    CHECK(loaded.files.empty());
    CHECK(loaded.diagnostics.empty());
}

TEST_CASE("every key of [sandbox] is read") {
    CHECK(good("[sandbox]\ndefault-slice = 'a-b.slice'").defaultSlice == "a-b.slice");
    CHECK(good("[sandbox]\nallowed-slices = ['a.slice', 'b*.slice']").allowedSlices == Lines{"a.slice", "b*.slice"});
    CHECK(good("[sandbox]\njob-timeout = '1min 30s'").jobTimeout == 90s);
    CHECK(good("[sandbox]\nstop-timeout = 5").stopTimeout == 5s);
    CHECK(good("[sandbox]\nmax-depth = 32").maxDepth == 32);
    CHECK(good("[sandbox]\nmax-descendants = 65536").maxDescendants == 65536);
}

TEST_CASE("every key of [compat] is read") {
    CHECK(good("[compat]\nname-template = 'a-{id}-{name}.scope'").nameTemplate == "a-{id}-{name}.scope");
    CHECK(good("[compat]\ncontrollers = ['pids', 'cpu']").controllers == Lines{"pids", "cpu"});
    CHECK(good("[compat]\ncontrollers = []").controllers == Lines{});
    CHECK(good("[compat]\ncontrollers = ['cpuset']").controllers == Lines{"cpuset"});
    CHECK(good("[compat]\ncpu-weight = 'quadratic'").compatWeight == "quadratic");
    for (const char* value : {"both", "min", "low"})
        CHECK(good(std::string("[compat]\nreservation = '") + value + "'").compatReservation == value);
}

TEST_CASE("the slice of users has their number in it, and is a slice then") {
    const Config config = good("[sandbox]\nuser-slice = 'tenant-{uid}.slice'");
    CHECK(userSlice(config, 1001) == "tenant-1001.slice");
    CHECK(userSlice(Config(), 0) == "user-0.slice");
    for (const char* value : {"user.slice", "{uid}", "{uid}.scope", "a/{uid}.slice", "-{uid}.slice", "{uid}@.slice"})
        CHECK(bad(std::string("[sandbox]\nuser-slice = '") + value + "'") ==
              "2:14: 'user-slice' must be the name of a slice with {uid} in it");
}

TEST_CASE("the slice of users is short enough for the longest number") {
    const std::string longest(239, 'a');
    const Config config = good("[sandbox]\nuser-slice = '" + longest + "{uid}.slice'");
    CHECK(isSliceName(userSlice(config, 4294967294)));
    CHECK(bad("[sandbox]\nuser-slice = 'a" + longest + "{uid}.slice'") ==
          "2:14: 'user-slice' must be the name of a slice with {uid} in it");
}

TEST_CASE("every key of [daemon] is read") {
    CHECK(good("[daemon]\nidle-timeout = 'infinity'").idleTimeout == kInfinity);
    CHECK(good("[daemon]\nstay-while-sandboxes-exist = true").stayWithSandboxes);
    CHECK(good("[daemon]\nlog-level = 'error'").logLevel == log::Level::Error);
    CHECK(good("[daemon]\nlog-level = 'warning'").logLevel == log::Level::Warning);
    CHECK(good("[daemon]\nlog-level = 'info'").logLevel == log::Level::Info);
    CHECK(good("[daemon]\nlog-level = 'debug'").logLevel == log::Level::Debug);
}

TEST_CASE("every key of [limits] is read") {
    CHECK(good("[limits]\nsandboxes = 9").sandboxes == 9);
    CHECK(good("[limits]\nsandboxes-per-user = 1").sandboxesPerUser == 1);
    CHECK(good("[limits]\ngroups-per-user = 7").groupsPerUser == 7);
    CHECK(good("[limits]\ncalls-per-client = 5").callsPerClient == 5);
    CHECK(good("[limits]\ncalls-per-user = 6").callsPerUser == 6);
    CHECK(good("[limits]\ncalls-per-second = 7").callsPerSecond == 7);
    CHECK(good("[limits]\njobs = 7").jobs == 7);
    CHECK(good("[limits]\njobs-per-user = 1").jobsPerUser == 1);
    CHECK(good("[limits]\nnew-groups-per-second = 8").newGroupsPerSecond == 8);
    CHECK(good("[limits]\nnew-groups-at-once = 9").newGroupsAtOnce == 9);
    CHECK(good("[daemon]\nwarn-of-remains = 10").warnOfRemains == 10);
    CHECK(good("[sandbox]\nrefuse-vulnerable-systemd = true").refuseVulnerableSystemd);
    CHECK_FALSE(Config{}.refuseVulnerableSystemd);
    for (const char* key :
         {"calls-per-user", "calls-per-second", "jobs", "jobs-per-user", "new-groups-per-second", "new-groups-at-once"})
        CHECK(bad("[limits]\n" + std::string(key) + " = 0").starts_with("2:"));
    CHECK(bad("[daemon]\nwarn-of-remains = 0").starts_with("2:"));
    CHECK(good("[limits]\nrequest-bytes = 1024").requestBytes == 1024);
    CHECK(good("limits.groups-per-sandbox = 2").groupsPerSandbox == 2);
    CHECK(good("limits = {processes-per-call = 3}").processesPerCall == 3);
}

TEST_CASE("a value out of its range or of the wrong type keeps the former one and is reported where it stands") {
    CHECK(bad("[sandbox]\nmax-depth = 0") == "2:13: 'max-depth' must be an integer from 1 to 32");
    for (const char* value : {"33", "-1", "'8'", "8.0", "true", "[8]", "{}", "9223372036854775807"})
        CHECK(bad(std::string("[sandbox]\nmax-depth = ") + value) ==
              "2:13: 'max-depth' must be an integer from 1 to 32");
    for (const char* value : {"0", "65537", "4294967297"})
        CHECK(bad(std::string("[limits]\nprocesses-per-call = ") + value) ==
              "2:22: 'processes-per-call' must be an integer from 1 to 65536");
    for (const char* value :
         {"0", "-1", "nan", "-inf", "inf", "'1h 1us'", "3601", "''", "'soon'", "false", "1979-05-27"})
        CHECK(bad(std::string("[sandbox]\njob-timeout = ") + value) ==
              "2:15: 'job-timeout' must be a time such as \"1min 30s\", or seconds, from 1ms to 1h");
    CHECK(bad("[daemon]\nidle-timeout = 0") ==
          "2:16: 'idle-timeout' must be a time such as \"1min 30s\", or seconds, from 1ms to infinity");
    CHECK(bad("[daemon]\nstay-while-sandboxes-exist = 'yes'") ==
          "2:30: 'stay-while-sandboxes-exist' must be true or false");
    CHECK(bad("[daemon]\nlog-level = 'Debug'") ==
          "2:13: 'log-level' must be \"error\", \"warning\", \"info\" or \"debug\"");
    CHECK(bad("[sandbox]\ndefault-slice = '-.slice'") == "2:17: 'default-slice' must be the name of a slice");
}

TEST_CASE("one bad element spoils its list and nothing else") {
    const std::string slices = "'allowed-slices' must be a list of names of slices or patterns such as \"a-*.slice\"";
    CHECK(bad("[sandbox]\nallowed-slices = 'a.slice'") == "2:18: " + slices);
    CHECK(bad("[sandbox]\nallowed-slices = ['a.slice', 7]") == "2:30: " + slices);
    for (const char* element :
         {"a", "*", "a*b.slice", "*a.slice", "a*b*.slice", "-*.slice", "a--*.slice", "../a.slice"})
        CHECK(bad(std::string("[sandbox]\nallowed-slices = ['") + element + "']") == "2:19: " + slices);
    CHECK(bad("[compat]\ncontrollers = ['cpu', 'io']") ==
          "2:23: 'controllers' must be a list of names out of \"cpu\", \"cpuset\", \"memory\", \"pids\"");
    CHECK(bad("[compat]\ncpu-weight = 'cubic'") == "2:14: 'cpu-weight' must be \"linear\" or \"quadratic\"");
    CHECK(bad("[compat]\nreservation = 'max'") == "2:15: 'reservation' must be \"both\", \"min\" or \"low\"");
}

TEST_CASE("a name template holds the name once and nothing that a cgroup's name cannot hold") {
    for (const char* value : {"{name}", "cri-containerd-{name}.scope", "{id}-{name}", "{name}{id}", "a:b_{name}"})
        CHECK(good(std::string("[compat]\nname-template = '") + value + "'").nameTemplate == value);
    for (const char* value : {"", "name", "{id}", "{name}{name}", "{id}{name}{id}", "a/{name}", "../{name}", ".{name}",
                              "memory.{name}", "a.{id}{name}", "A{name}", "{name} ", "{nam}{name}", "{i{name}d}"})
        CHECK(
            bad(std::string("[compat]\nname-template = '") + value + "'").starts_with("2:17: 'name-template' must be"));
    CHECK(bad("[compat]\nname-template = '{name}" + std::string(123, 'a') + "'").starts_with("2:17: "));
}

TEST_CASE("unknown keys and tables are warnings that point at the name, in the order of the file") {
    const ConfigTree tree;
    const std::string path = tree.write("f", "stray = 1\n"
                                             "[sandbox]\n"
                                             "  zzz = 1\n"
                                             "max-depth = 4\n"
                                             "log-level = 'info'\n"
                                             "[ other ]\n"
                                             "a = 1\n"
                                             "b = 2\n"
                                             "[daemon.\"x\\ny\"]\n");
    const Loaded loaded = loadFiles({path});
    Lines said;
    for (const Diagnostic& diagnostic : loaded.diagnostics) {
        CHECK(diagnostic.severity == Severity::Warning);
        said.push_back(toString(diagnostic));
    }
    CHECK(said == Lines{path + ":1:1: key outside of a table: 'stray'", path + ":3:3: unknown key 'zzz' in [sandbox]",
                        path + ":5:1: unknown key 'log-level' in [sandbox]", path + ":6:3: unknown table 'other'",
                        path + ":9:9: unknown key 'x\\x0ay' in [daemon]"});
    CHECK(loaded.config.maxDepth == 4);
    CHECK(loaded.files == Lines{path});
}

TEST_CASE("a table that is something else is an error") {
    CHECK(bad("sandbox = 5") == "1:11: 'sandbox' must be a table");
    CHECK(bad("[[limits]]\nprocesses-per-call = 5").ends_with("'limits' must be a table"));
}

TEST_CASE("a syntax error is reported with its position and the whole file is skipped") {
    const ConfigTree tree;
    const std::string broken = tree.dropin("etc", "10-a.toml", "[sandbox]\nmax-depth = 4\nmax-descendants = \n");
    const std::string fine = tree.dropin("etc", "20-b.toml", "[limits]\nprocesses-per-call = 5\n");
    const Loaded loaded = load(tree.dirs());
    REQUIRE(loaded.diagnostics.size() == 1);
    CHECK(loaded.diagnostics[0].file == broken);
    CHECK(loaded.diagnostics[0].line == 3);
    CHECK(loaded.diagnostics[0].column == 19);
    CHECK(loaded.diagnostics[0].severity == Severity::Error);
    CHECK(!loaded.diagnostics[0].message.empty());
    CHECK(loaded.config.maxDepth == Config{}.maxDepth);
    CHECK(loaded.config.processesPerCall == 5);
    CHECK(loaded.files == Lines{fine});

    for (const std::string_view text : {"[sandbox", "[sandbox]\n[sandbox]", "\xff\xfe", "a = 1\na = 2", "=",
                                        "[sandbox]\nmax-depth = 99999999999999999999", "a = '''"})
        bad(text);
    bad(std::string_view("a\0b", 3));
    bad("a = " + std::string(20000, '['));
}

TEST_CASE("a file that is not trusted is reported and skipped", "[attack-17]") {
    const ConfigTree tree;
    const std::string link = tree.link("etc/scopewright/scopewright.toml", tree.write("a", "[sandbox]\nmax-depth = 4"));
    const std::string huge = tree.dropin("etc", "10-a.toml", std::string(kLargestFile + 1, '#'));
    tree.main("usr", "[sandbox]\nmax-depth = 5");
    const Loaded loaded = load(tree.dirs());
    REQUIRE(loaded.diagnostics.size() == 2);
    CHECK(toString(loaded.diagnostics[0]) == link + ": is a symbolic link; only links to /dev/null are followed");
    CHECK(toString(loaded.diagnostics[1]) == huge + ": is larger than 65536 bytes");
    CHECK(loaded.config == Config{});
    CHECK(loaded.files.empty());
}

TEST_CASE("the last file wins for a single value, and a bad one does not count") {
    const ConfigTree tree;
    tree.main("usr", "[sandbox]\nmax-depth = 2\nmax-descendants = 2");
    tree.dropin("usr", "90-z.toml", "[sandbox]\nmax-depth = 4");
    tree.dropin("etc", "10-a.conf", "[sandbox]\nmax-depth = 3\nmax-descendants = 3");
    tree.dropin("etc", "95-z.toml", "[sandbox]\nmax-depth = 99\nmax-descendants = 'many'");
    const Loaded loaded = load(tree.dirs());
    CHECK(loaded.config.maxDepth == 4);
    CHECK(loaded.config.maxDescendants == 3);
    CHECK(loaded.diagnostics.size() == 2);
    CHECK(loaded.files.size() == 4);
}

TEST_CASE("lists of several files are joined, and an empty list starts over") {
    const ConfigTree tree;
    tree.main("etc", "[sandbox]\nallowed-slices = ['a.slice', 'b.slice']");
    tree.dropin("etc", "10-a.toml", "[sandbox]\nallowed-slices = ['b.slice', 'c.slice']");
    CHECK(load(tree.dirs()).config.allowedSlices == Lines{"a.slice", "b.slice", "c.slice"});

    tree.dropin("etc", "20-b.toml", "[sandbox]\nallowed-slices = ['not a slice']");
    CHECK(load(tree.dirs()).config.allowedSlices == Lines{"a.slice", "b.slice", "c.slice"});

    tree.dropin("etc", "30-c.toml", "[sandbox]\nallowed-slices = []");
    CHECK(load(tree.dirs()).config.allowedSlices == Lines{});

    tree.dropin("etc", "40-d.toml", "[sandbox]\nallowed-slices = ['d.slice']");
    CHECK(load(tree.dirs()).config.allowedSlices == Lines{"d.slice"});
}

TEST_CASE("a slice is allowed by its name, by a pattern, or because it is the default") {
    Config config;
    for (const char* slice : {"scopewright.slice", "machine.slice", "kubepods.slice", "kubepods-burstable.slice",
                              "kubepods-besteffort-pod1_2.slice"})
        CHECK(allowsSlice(config, slice));
    for (const char* slice :
         {"system.slice", "machine-a.slice", "kubepods-.slice", "kubepods-a--b.slice", "kubepodsx.slice", "-.slice",
          "kubepods-*.slice", "kubepods-a/b.slice", "kubepods-a.slice/..", "", "kubepods-"})
        CHECK_FALSE(allowsSlice(config, slice));

    config.allowedSlices.clear();
    config.defaultSlice = "a.slice";
    CHECK(allowsSlice(config, "a.slice"));
    CHECK_FALSE(allowsSlice(config, "scopewright.slice"));

    config.allowedSlices = {"*.slice"};
    CHECK(allowsSlice(config, "system.slice"));
    CHECK_FALSE(allowsSlice(config, "-.slice"));
}

TEST_CASE("slice names follow the rules of PID 1", "[attack-8]") {
    for (const char* name : {"a.slice", "a-b-c.slice", "A_1:2.3.slice", "a\\x2db.slice"})
        CHECK(isSliceName(name));
    for (const char* name : {"", ".slice", "-.slice", "a", "a.scope", "a.slice.", "-a.slice", "a-.slice", "a--b.slice",
                             "a/b.slice", "a//b.slice", "a b.slice", "a@b.slice", "a\n.slice", "\xc3\xa4.slice"})
        CHECK_FALSE(isSliceName(name));
    CHECK(isSliceName(std::string(249, 'a') + ".slice"));
    CHECK_FALSE(isSliceName(std::string(250, 'a') + ".slice"));
}

TEST_CASE("times are read as systemd reads them") {
    const std::pair<const char*, std::chrono::microseconds> kTable[] = {
        {"30", 30s},
        {"30s", 30s},
        {" 30 s ", 30s},
        {"1.5", 1500ms},
        {"0", 0s},
        {"1min 30s", 90s},
        {"1min30s", 90s},
        {"1 m 30 sec", 90s},
        {"500ms", 500ms},
        {"500msec", 500ms},
        {"7us", 7us},
        {"7usec", 7us},
        {"2.5h", 150min},
        {"1hr 1hour", 2h},
        {"2hours", 2h},
        {"1d", 24h},
        {"2days", 48h},
        {"1w", 168h},
        {"1week 1day", 192h},
        {"2minutes 1minute", 3min},
        {"0.000001s", 1us},
        {"1second\t1s", 2s},
        {"2 seconds", 2s},
        {"0.1s", 100ms},
        {"infinity", kInfinity},
        {"2weeks", 336h},
        {" infinity ", kInfinity},
    };
    for (const auto& [text, expected] : kTable) {
        CAPTURE(text);
        const std::optional<std::chrono::microseconds> time = parseTime(text);
        REQUIRE(time.has_value());
        CHECK(*time == expected);
    }
    for (const char* text : {"",      " ",         "s",           "-1",
                             "+1",    "-1s",       "1 2",         "1s 2",
                             "1x",    "1 S",       "3.s",         "3.",
                             ".5s",   "1e3",       "0x10",        "nan",
                             "inf",   "1infinity", "infinity 1s", "1s,2s",
                             "1..5s", "1s\n",      "99999999999", "99999999999999999999999999999999w",
                             "2000w"})
        CHECK_FALSE(parseTime(text).has_value());
}

TEST_CASE("numbers of seconds need no quotes") {
    CHECK(good("[sandbox]\njob-timeout = 90").jobTimeout == 90s);
    CHECK(good("[sandbox]\njob-timeout = 0.25").jobTimeout == 250ms);
    CHECK(good("[daemon]\nidle-timeout = inf").idleTimeout == kInfinity);
    CHECK(bad("[daemon]\nidle-timeout = 1e300").starts_with("2:16: "));
    CHECK(bad("[daemon]\nidle-timeout = 9223372036854775807").starts_with("2:16: "));
}

TEST_CASE("a written time reads as itself") {
    CHECK(formatTime(0s) == "0s");
    CHECK(formatTime(60s) == "1min");
    CHECK(formatTime(90061001002us) == "1d 1h 1min 1s 1ms 2us");
    CHECK(formatTime(kInfinity) == "infinity");
    for (const std::chrono::microseconds time : {1us, 999us, 1000us, 1500000us, 86400000000us, 987654321987us})
        CHECK(parseTime(formatTime(time)) == time);
}

TEST_CASE("what toToml writes loads as the same configuration") {
    CHECK(good(toToml(Config{})) == Config{});
    Config other;
    other.defaultSlice = "a\\x2db.slice";
    other.allowedSlices = {"x.slice", "y-*.slice"};
    other.jobTimeout = 90500ms;
    other.stopTimeout = 1ms;
    other.maxDepth = 1;
    other.maxDescendants = 2;
    other.nameTemplate = "{id}{name}";
    other.controllers = {"pids"};
    other.compatWeight = "quadratic";
    other.compatReservation = "low";
    other.idleTimeout = kInfinity;
    other.stayWithSandboxes = true;
    other.logLevel = log::Level::Debug;
    other.userSlice = "a-{uid}.slice";
    other.sandboxes = 6;
    other.groupsPerUser = 7;
    other.callsPerClient = 8;
    other.callsPerUser = 9;
    other.callsPerSecond = 15;
    other.jobs = 10;
    other.jobsPerUser = 11;
    other.newGroupsPerSecond = 12;
    other.newGroupsAtOnce = 13;
    other.warnOfRemains = 14;
    other.refuseVulnerableSystemd = true;
    other.requestBytes = 2048;
    other.sandboxesPerUser = 3;
    other.groupsPerSandbox = 4;
    other.processesPerCall = 5;
    CHECK(good(toToml(other)) == other);
}

TEST_CASE("the shipped file shows every option with its default, commented out") {
    const std::string shipped = wholeFile("conf/scopewright.toml");
    CHECK(options(shipped, R"((\[\w+\]))", R"(#([a-z-]+) = (.*))") == builtInOptions());
    CHECK(good(shipped) == Config{});
    CHECK(good(std::regex_replace(shipped, std::regex("#([a-z-]+ = )"), "$1")) == Config{});
}

TEST_CASE("the man page has a heading with the default for every option") {
    const std::string page =
        std::regex_replace(wholeFile("man/scopewright.toml.5.scd"), std::regex(R"(\\([*_]))"), "$1");
    CHECK(options(page, R"(# (\[\w+\]))", R"(\*([a-z-]+)\* = (.*))") == builtInOptions());
}
