// SPDX-License-Identifier: LGPL-2.1-or-later
// One table holds all options. A new one is a member of Config, a row here, a line in conf/ and one in the man page.
#include "config/config.h"

#include "base/error.h"
#include "config/time.h"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <utility>
#include <variant>

namespace scopewright::config {

namespace {

using std::chrono::microseconds;

// ---- grammars

constexpr std::string_view kUnitNameCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\";
constexpr std::string_view kTemplateCharacters = "abcdefghijklmnopqrstuvwxyz0123456789_.:-";
constexpr std::string_view kSliceSuffix = ".slice";
constexpr std::string_view kPatternSuffix = "*.slice";

bool isSlicePattern(std::string_view text) {
    if (!text.ends_with(kPatternSuffix)) return isSliceName(text);
    return isSliceName(std::string(text.substr(0, text.size() - kPatternSuffix.size())) + "x.slice");
}

/// A dot before the first placeholder could make one of the kernel's own names (cgroup.procs, cpu.max).
bool isNameTemplate(std::string_view text) {
    constexpr std::size_t kLongest = 128;
    constexpr std::string_view kName = "{name}";
    constexpr std::string_view kId = "{id}";
    std::string rest(text);
    const std::size_t name = rest.find(kName);
    if (name == std::string::npos || rest.size() > kLongest) return false;
    rest.replace(name, kName.size(), "x");
    const std::size_t id = rest.find(kId);
    if (id != std::string::npos) rest.replace(id, kId.size(), "x");
    return rest.find('.') >= std::min(name, id) && rest.find_first_not_of(kTemplateCharacters) == std::string::npos;
}

constexpr std::string_view kUid = "{uid}";

bool isUserSlice(std::string_view text) {
    const std::size_t at = text.find(kUid);
    if (at == std::string_view::npos) return false;
    std::string longest(text);
    return isSliceName(longest.replace(at, kUid.size(), "4294967294"));
}

bool isController(std::string_view text) {
    return text == "cpu" || text == "cpuset" || text == "memory" || text == "pids";
}

bool isWeightFormula(std::string_view text) {
    return text == "linear" || text == "quadratic";
}

bool isSocket(std::string_view text) {
    constexpr std::size_t kLongest = 107; // sun_path of unix(7)
    constexpr std::string_view kEndsAnAddress = ",;%=";
    return text == "auto" || text == "none" ||
           (text.starts_with('/') && text.size() <= kLongest && text.find_first_of(kEndsAnAddress) == text.npos);
}

bool isReservation(std::string_view text) {
    return text == "both" || text == "min" || text == "low";
}

// ---- the options

// clang-format off
template <typename T> struct Checked { T Config::*member; bool (*accepts)(std::string_view); std::string_view grammar; };
template <typename T> struct Ranged { T Config::*member; T lowest; T highest; };
template <typename T> struct Plain { T Config::*member; };
// clang-format on

using Word = Checked<std::string>;
using List = Checked<std::vector<std::string>>;
using Time = Ranged<microseconds>;
using Count = Ranged<std::uint32_t>;
using Flag = Plain<bool>;
using Threshold = Plain<log::Level>;

struct Option {
    std::string_view table;
    std::string_view key;
    std::variant<Word, List, Time, Count, Flag, Threshold> field;
    std::string_view doc;
};

constexpr microseconds kShortest = std::chrono::milliseconds(1);
constexpr microseconds kLongestWait = std::chrono::hours(1);

// clang-format off
constexpr std::array<std::pair<std::string_view, log::Level>, 4> kLevels{{
    {"error", log::Level::Error}, {"warning", log::Level::Warning}, {"info", log::Level::Info}, {"debug", log::Level::Debug},
}};

constexpr std::array kOptions{
    Option{"sandbox", "default-slice", Word{&Config::defaultSlice, isSliceName, "the name of a slice"},
           "where sandboxes go whose caller names no slice"},
    Option{"sandbox", "allowed-slices", List{&Config::allowedSlices, isSlicePattern, "names of slices or patterns such as \"a-*.slice\""},
           "into which slices callers may put sandboxes; default-slice is always allowed"},
    Option{"sandbox", "user-slice", Word{&Config::userSlice, isUserSlice, "the name of a slice with {uid} in it"},
           "where sandboxes of users other than root go, and nowhere else; {uid}: the user's number"},
    Option{"sandbox", "job-timeout", Time{&Config::jobTimeout, kShortest, kLongestWait},
           "how long PID 1 may take for one job"},
    Option{"sandbox", "stop-timeout", Time{&Config::stopTimeout, kShortest, kLongestWait},
           "how long processes may take to leave before they are killed, unless the caller says"},
    Option{"sandbox", "max-depth", Count{&Config::maxDepth, 1, 32},
           "cgroup.max.depth of what is handed over"},
    Option{"sandbox", "max-descendants", Count{&Config::maxDescendants, 1, 65536},
           "cgroup.max.descendants of what is handed over"},
    Option{"sandbox", "refuse-vulnerable-systemd", Flag{&Config::refuseVulnerableSystemd},
           "whether users other than root get no sandbox of a systemd that they are known to be able to bring down"},

    Option{"compat", "name-template", Word{&Config::nameTemplate, isNameTemplate, "[a-z0-9_.:-], {name} once, {id} at most once, no dot before them"},
           "the directory of a compat group; {name}: as the caller says, {id}: the sandbox"},
    Option{"compat", "controllers", List{&Config::controllers, isController, "names out of \"cpu\", \"cpuset\", \"memory\", \"pids\""},
           "whose values a compat group shows"},
    Option{"compat", "cpu-weight", Word{&Config::compatWeight, isWeightFormula, "\"linear\" or \"quadratic\""},
           "how cpu.shares become a compat group's cpu.weight: as cAdvisor reads them back, or as runtimes set them"},
    Option{"compat", "reservation", Word{&Config::compatReservation, isReservation, "\"both\", \"min\" or \"low\""},
           "whether memory.reservation stands in memory.min, memory.low or both"},

    Option{"daemon", "idle-timeout", Time{&Config::idleTimeout, kShortest, kInfinity},
           "how long to stay without work"},
    Option{"daemon", "stay-while-sandboxes-exist", Flag{&Config::stayWithSandboxes},
           "whether to stay as long as there is a sandbox"},
    Option{"daemon", "log-level", Threshold{&Config::logLevel},
           "error, warning, info or debug"},
    Option{"daemon", "systemd-socket", Word{&Config::systemdSocket, isSocket, "\"auto\", \"none\" or an absolute path"},
           "PID 1's own socket, through which it is asked; none: through the bus"},
    Option{"daemon", "warn-of-remains", Count{&Config::warnOfRemains, 1, 100000000},
           "how many groups that are gone the kernel may keep before that is logged"},

    Option{"limits", "sandboxes", Count{&Config::sandboxes, 1, 1048576},
           "how many sandboxes there may be in all"},
    Option{"limits", "sandboxes-per-user", Count{&Config::sandboxesPerUser, 1, 65536},
           "how many sandboxes one user other than root may have"},
    Option{"limits", "groups-per-user", Count{&Config::groupsPerUser, 1, 1048576},
           "how many groups all sandboxes of one user other than root may have together"},
    Option{"limits", "groups-per-sandbox", Count{&Config::groupsPerSandbox, 1, 65536},
           "how many groups one sandbox may have"},
    Option{"limits", "new-groups-per-second", Count{&Config::newGroupsPerSecond, 1, 1000000},
           "how many groups one user other than root may make in a second, again and again"},
    Option{"limits", "new-groups-at-once", Count{&Config::newGroupsAtOnce, 1, 1048576},
           "how many groups one user other than root may make before that counts"},
    Option{"limits", "jobs", Count{&Config::jobs, 1, 1024},
           "how many starts systemd is asked for at a time, and how many stops"},
    Option{"limits", "jobs-per-user", Count{&Config::jobsPerUser, 1, 1024},
           "how many of them are of one user other than root"},
    Option{"limits", "processes-per-call", Count{&Config::processesPerCall, 1, 65536},
           "how many processes one call may name"},
    Option{"limits", "calls-per-client", Count{&Config::callsPerClient, 1, 65536},
           "how many calls of one connection are answered at a time"},
    Option{"limits", "calls-per-user", Count{&Config::callsPerUser, 1, 65536},
           "how many calls of one user other than root are answered at a time, over all connections"},
    Option{"limits", "calls-per-second", Count{&Config::callsPerSecond, 1, 1000000},
           "how many calls of one user other than root are answered in a second, after the first ones"},
    Option{"limits", "request-bytes", Count{&Config::requestBytes, 1024, 65536},
           "how many bytes the properties of one call may have"},
};
// clang-format on

// ---- from files

class Loader {
public:
    explicit Loader(std::vector<Diagnostic> diagnostics) { loaded_.diagnostics = std::move(diagnostics); }

    Loaded read(const std::vector<std::string>& paths) {
        for (const std::string& path : paths)
            readFile(path);
        return std::move(loaded_);
    }

private:
    void readFile(const std::string& path) {
        const std::size_t first = loaded_.diagnostics.size();
        path_ = path;
        try {
            readDocument(toml::parse(readTrusted(path)));
            loaded_.files.push_back(path);
        } catch (const toml::parse_error& error) {
            report(error.source().begin, std::string(error.description()), Severity::Error);
        } catch (const Error& error) {
            report({}, error.what(), Severity::Error);
        }
        // toml++ hands out keys by name; people read files from the top.
        std::ranges::stable_sort(loaded_.diagnostics.begin() + static_cast<std::ptrdiff_t>(first),
                                 loaded_.diagnostics.end(), {},
                                 [](const Diagnostic& one) { return std::pair(one.line, one.column); });
    }

    void report(const toml::source_position& where, std::string message, Severity severity) {
        loaded_.diagnostics.push_back({path_, where.line, where.column, std::move(message), severity});
    }

    void refuse(const toml::node& value, const std::string& what) {
        report(value.source().begin, quoted(option_->key) + " must be " + what, Severity::Error);
    }

    void readDocument(const toml::table& document) {
        for (const auto& [key, value] : document) {
            const std::string_view name = key.str();
            const bool known = std::ranges::find(kOptions, name, &Option::table) != kOptions.end();
            if (known && value.is_table())
                readTable(name, *value.as_table());
            else if (known)
                report(value.source().begin, quoted(name) + " must be a table", Severity::Error);
            else
                report(key.source().begin,
                       (value.is_table() ? "unknown table " : "key outside of a table: ") + quoted(name),
                       Severity::Warning);
        }
    }

    void readTable(std::string_view table, const toml::table& content) {
        for (const auto& [key, value] : content) {
            const std::string_view name = key.str();
            option_ = std::ranges::find_if(
                kOptions, [&](const Option& option) { return option.table == table && option.key == name; });
            if (option_ == kOptions.end())
                report(key.source().begin, "unknown key " + quoted(name) + " in [" + std::string(table) + "]",
                       Severity::Warning);
            else
                std::visit([&, &node = value](const auto& field) { assign(field, node); }, option_->field);
        }
    }

    void assign(const Word& field, const toml::node& value) {
        const std::optional<std::string> text = value.value_exact<std::string>();
        if (!text || !field.accepts(*text)) return refuse(value, std::string(field.grammar));
        loaded_.config.*field.member = *text;
    }

    /// The built-in list stands for "nobody said anything": the first file that names the key starts a new list.
    void assign(const List& field, const toml::node& value) {
        const toml::array* elements = value.as_array();
        if (!elements) return refuse(value, "a list of " + std::string(field.grammar));
        std::vector<std::string> list;
        if (named_.contains(option_) && !elements->empty()) list = loaded_.config.*field.member;
        for (const toml::node& element : *elements) {
            const std::optional<std::string> text = element.value_exact<std::string>();
            if (!text || !field.accepts(*text)) return refuse(element, "a list of " + std::string(field.grammar));
            if (std::ranges::find(list, *text) == list.end()) list.push_back(*text);
        }
        named_.insert(option_);
        loaded_.config.*field.member = std::move(list);
    }

    void assign(const Time& field, const toml::node& value) {
        const std::optional<microseconds> time = readTime(value);
        if (time && *time >= field.lowest && *time <= field.highest)
            loaded_.config.*field.member = *time;
        else
            refuse(value, "a time such as \"1min 30s\", or seconds, from " + formatTime(field.lowest) + " to " +
                              formatTime(field.highest));
    }

    void assign(const Count& field, const toml::node& value) {
        const std::optional<std::int64_t> number = value.value_exact<std::int64_t>();
        if (number && *number >= field.lowest && *number <= field.highest)
            loaded_.config.*field.member = static_cast<std::uint32_t>(*number);
        else
            refuse(value, "an integer from " + std::to_string(field.lowest) + " to " + std::to_string(field.highest));
    }

    void assign(const Flag& field, const toml::node& value) {
        const std::optional<bool> flag = value.value_exact<bool>();
        if (!flag) return refuse(value, "true or false");
        loaded_.config.*field.member = *flag;
    }

    void assign(const Threshold& field, const toml::node& value) {
        const std::optional<std::string> name = value.value_exact<std::string>();
        const auto* row = std::ranges::find_if(kLevels, [&](const auto& level) { return level.first == name; });
        if (row == kLevels.end()) return refuse(value, "\"error\", \"warning\", \"info\" or \"debug\"");
        loaded_.config.*field.member = row->second;
    }

    static std::optional<microseconds> readTime(const toml::node& value) {
        if (const std::optional<std::string> text = value.value_exact<std::string>()) return parseTime(*text);
        if (const std::optional<std::int64_t> seconds = value.value_exact<std::int64_t>())
            return parseTime(std::to_string(*seconds));
        const std::optional<double> seconds = value.value_exact<double>();
        if (!seconds || !(*seconds >= 0)) return std::nullopt;
        if (std::isinf(*seconds)) return kInfinity;
        if (*seconds * 1e6 > kLongestTime) return std::nullopt;
        return microseconds(std::llround(*seconds * 1e6));
    }

    Loaded loaded_;
    std::string path_;
    std::set<const Option*> named_; ///< lists that some file has set
    const Option* option_ = nullptr;
};

// ---- to text

std::string inQuotes(std::string_view text) {
    std::string out = "\"";
    for (char c : text)
        out += c == '\\' ? std::string("\\\\") : std::string(1, c);
    return out + '"';
}

/// The value of an option as TOML.
struct Print {
    const Config& config;

    std::string operator()(const Word& field) const { return inQuotes(config.*field.member); }
    std::string operator()(const Time& field) const { return inQuotes(formatTime(config.*field.member)); }
    std::string operator()(const Count& field) const { return std::to_string(config.*field.member); }
    std::string operator()(const Flag& field) const { return config.*field.member ? "true" : "false"; }
    std::string operator()(const Threshold& field) const {
        const auto sameLevel = [&](const auto& level) { return level.second == config.*field.member; };
        return inQuotes(std::ranges::find_if(kLevels, sameLevel)->first);
    }
    std::string operator()(const List& field) const {
        std::string out;
        for (const std::string& element : config.*field.member)
            out += (out.empty() ? "" : ", ") + inQuotes(element);
        return "[" + out + "]";
    }
};

} // namespace

Loaded load(const SearchDirs& dirs) {
    std::vector<Diagnostic> diagnostics;
    const std::vector<std::string> paths = listFiles(dirs, diagnostics);
    return Loader(std::move(diagnostics)).read(paths);
}

Loaded loadFiles(const std::vector<std::string>& paths) {
    return Loader({}).read(paths);
}

std::string toToml(const Config& config) {
    std::string out;
    std::string_view table;
    for (const Option& option : kOptions) {
        if (option.table != table) out += (out.empty() ? "[" : "\n[") + std::string(option.table) + "]\n";
        table = option.table;
        out += "# " + std::string(option.doc) + "\n" + std::string(option.key) + " = ";
        out += std::visit(Print{config}, option.field) + "\n";
    }
    return out;
}

std::string userSlice(const Config& config, uid_t uid) {
    std::string slice = config.userSlice;
    return slice.replace(slice.find(kUid), kUid.size(), std::to_string(uid));
}

bool isSliceName(std::string_view text) {
    constexpr std::size_t kLongest = 255;
    if (!text.ends_with(kSliceSuffix) || text.size() > kLongest) return false;
    const std::string_view stem = text.substr(0, text.size() - kSliceSuffix.size());
    return !stem.empty() && !stem.starts_with('-') && !stem.ends_with('-') &&
           stem.find("--") == std::string_view::npos &&
           stem.find_first_not_of(kUnitNameCharacters) == std::string_view::npos;
}

bool allowsSlice(const Config& config, std::string_view slice) {
    if (!isSliceName(slice)) return false;
    return slice == config.defaultSlice || std::ranges::any_of(config.allowedSlices, [slice](std::string_view allowed) {
               return allowed.ends_with(kPatternSuffix)
                          ? slice.starts_with(allowed.substr(0, allowed.size() - kPatternSuffix.size()))
                          : slice == allowed;
           });
}

} // namespace scopewright::config
