// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/observe.h"

#include "answers.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace scopewright::integration::model {

namespace {

/// One interface of one object, as GetManagedObjects shows it.
struct Shown {
    std::string path;
    std::string interface;
    std::map<std::string, std::string> texts;
    Properties resources;
    std::set<std::string> skipped;
};

bool enter(sd_bus_message* m, char type, const char* contents) {
    return bus::check(sd_bus_message_enter_container(m, type, contents), "read objects") > 0;
}

void leave(sd_bus_message* m) {
    bus::check(sd_bus_message_exit_container(m), "read objects");
}

void readProperty(sd_bus_message* m, Shown& shown) {
    std::string name;
    bus::read(m, name);
    if (name == "Resources") {
        enter(m, 'v', "a{sv}");
        bus::readDictionary(m, shown.resources);
        leave(m);
    } else if (name == "Skipped") {
        enter(m, 'v', "a(sss)");
        enter(m, 'a', "(sss)");
        while (enter(m, 'r', "sss")) {
            std::string key, reason, since;
            bus::read(m, key);
            bus::read(m, reason);
            bus::read(m, since);
            shown.skipped.insert(key);
            leave(m);
        }
        leave(m);
        leave(m);
    } else {
        Value value;
        bus::read(m, value);
        if (const std::string* text = std::get_if<std::string>(&value)) shown.texts[name] = *text;
    }
}

/// The sandboxes and groups that the object manager knows.
std::vector<Shown> managedObjects(const Client& client) {
    const Answer answer = client.call(kManagerPath, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects").must();
    sd_bus_message* m = answer.reply.raw();
    std::vector<Shown> objects;
    enter(m, 'a', "{oa{sa{sv}}}");
    while (enter(m, 'e', "oa{sa{sv}}")) {
        bus::ObjectPath path;
        bus::read(m, path);
        enter(m, 'a', "{sa{sv}}");
        while (enter(m, 'e', "sa{sv}")) {
            Shown shown;
            shown.path = path.path;
            bus::read(m, shown.interface);
            enter(m, 'a', "{sv}");
            while (enter(m, 'e', "sv")) {
                readProperty(m, shown);
                leave(m);
            }
            leave(m);
            if (shown.interface == kSandbox || shown.interface == kGroup) objects.push_back(std::move(shown));
            leave(m);
        }
        leave(m);
        leave(m);
    }
    leave(m);
    return objects;
}

/// Below the slice; other paths as they are.
std::string relative(const World& world, const std::string& controlGroup) {
    const std::string below = world.slice + "/";
    return controlGroup.starts_with(below) ? controlGroup.substr(below.size()) : controlGroup;
}

std::string toText(const Properties& resources) {
    std::string text;
    for (const auto& [key, value] : toTexts(resources))
        text += " " + key + "=" + value;
    return text;
}

std::string contentOf(const std::string& file) {
    std::ifstream stream(file);
    std::ostringstream text;
    text << stream.rdbuf();
    std::string content = text.str();
    while (content.ends_with('\n'))
        content.pop_back();
    return stream ? content : "(no such file)";
}

void addDirectories(const World& world, std::vector<std::string>& lines) {
    const std::string top = world.directory(world.slice);
    std::error_code error;
    for (auto at = std::filesystem::recursive_directory_iterator(top, error);
         !error && at != std::filesystem::recursive_directory_iterator(); at.increment(error))
        if (at->is_directory(error)) {
            const std::string name = at->path().string().substr(top.size() + 1);
            lines.push_back("directory " + name);
            if (contentOf(at->path() / "cgroup.events").find("frozen 1") != std::string::npos)
                lines.push_back("frozen " + name);
        }
}

struct Target {
    const char* key;
    const char* property; ///< of the unit; "" where only a file will do
    const char* file;
};

constexpr Target kTargets[] = {
    {"pids.limit", "TasksMax", "pids.max"},
    {"memory.limit", "MemoryMax", "memory.max"},
    {"cpu.shares", "CPUWeight", "cpu.weight"},
    {"hugepageLimits", "", "hugetlb.2MB.max"},
};

/// cpu.shares become a weight by runc's newer formula; in compat groups by its older one, which is what monitoring
/// takes back. At both ends they meet.
std::string fileText(const ModelValue& value) {
    if (value.key == "cpu.shares") {
        if (value.value == "2") return "1";
        if (value.value == "262144") return "10000";
        return value.compat ? "39" : "100";
    }
    if (value.key == "hugepageLimits") return value.value.substr(value.value.find('=') + 1);
    return value.value == "-1" ? "max" : value.value;
}

} // namespace

Follower::Follower(const Client& client) : client_(client) {
    sd_bus_slot* slot = nullptr;
    // Not by the daemon's name: it has none yet when it tells of what it has found at its start.
    bus::check(sd_bus_add_match(client.raw(), &slot,
                                "type='signal',interface='org.freedesktop.DBus.ObjectManager',path='/org/scopewright1'",
                                onSignal, this),
               "follow the objects");
    slot_.reset(slot);
}

int Follower::onSignal(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept {
    Follower& self = *static_cast<Follower*>(userdata);
    const char* path = nullptr;
    if (sd_bus_message_read_basic(message, 'o', &path) < 0) return 0;
    if (sd_bus_message_is_signal(message, nullptr, "InterfacesAdded"))
        self.paths_.insert(path);
    else
        self.paths_.erase(path);
    return 0;
}

const std::set<std::string>& Follower::paths() {
    while (bus::check(sd_bus_process(client_.raw(), nullptr), "follow the objects") > 0) {}
    return paths_;
}

void Follower::restart() {
    paths();
    paths_.clear();
    for (const Shown& object : managedObjects(client_))
        paths_.insert(object.path);
    paths();
}

Observed observe(const Client& client, Follower& follower, const World& world,
                 const std::vector<std::unique_ptr<Child>>& processes, const std::string& home) {
    Observed observed;
    std::vector<std::string>& lines = observed.lines;
    for (std::size_t i = 0; i < processes.size(); ++i) {
        const std::string place = processes[i]->controlGroup();
        lines.push_back("process " + std::to_string(i) + " " +
                        (!processes[i]->alive() ? "dead"
                         : place == home        ? "at home"
                                                : "in " + relative(world, place)));
    }
    for (const std::string& unit : world.units())
        lines.push_back("unit " + unit);
    addDirectories(world, lines);
    for (const SandboxLine& line : sandboxesIn(client.manager("ListSandboxes")))
        lines.push_back("listed " + line.id + " " + line.unit + " " + std::to_string(line.uid));
    for (const Shown& object : managedObjects(client)) {
        const auto text = [&, &texts = object.texts](const char* name) {
            const auto found = texts.find(name);
            return found == texts.end() ? std::string("(no text)") : found->second;
        };
        const std::string group = relative(world, text("ControlGroup"));
        if (object.interface == kSandbox) {
            lines.push_back("sandbox " + text("Id") + " " + text("Unit") + " " + text("State") +
                            toText(object.resources));
            observed.skipped[text("Unit")] = object.skipped;
        } else {
            lines.push_back("group " + group + " " + text("Kind") + toText(object.resources));
            observed.skipped[group] = object.skipped;
        }
    }
    for (const std::string& path : follower.paths())
        lines.push_back("told of " + path);
    std::ranges::sort(lines);
    return observed;
}

std::vector<std::string> groupLines(const Client& client, const std::string& id) {
    std::vector<std::string> lines;
    for (const GroupLine& line : groupsIn(client.manager("ListGroups", id)))
        lines.push_back(line.name + " " + line.kind);
    return lines;
}

std::string notInForce(const Client& client, const World& world, const Observed& observed, const ModelValue& value) {
    const std::string owner = value.unit + (value.group.empty() ? "" : "/" + value.group);
    const auto found = observed.skipped.find(owner);
    const bool told = found != observed.skipped.end() && found->second.contains(value.key);
    const auto target = std::ranges::find(kTargets, value.key, &Target::key);
    const std::string scope = world.slice + "/" + value.unit;
    const bool ofUnit = value.group.empty() && *target->property;
    const auto differs = [&](const std::string& where, const std::string& is, const std::string& wanted) {
        return is == wanted ? "" : owner + ": " + value.key + " shall be " + wanted + " but " + where + " is " + is;
    };
    if (ofUnit) {
        const Properties shown = dictionaryIn(client.send(bus::methodCall(
            client.raw(), "org.freedesktop.systemd1", encoded("/org/freedesktop/systemd1/unit", value.unit).c_str(),
            kProperties, "GetAll", "org.freedesktop.systemd1.Scope")));
        const std::uint64_t is = valueOf<std::uint64_t>(shown, target->property);
        const std::string wanted = fileText(value);
        const std::string text = is == UINT64_MAX ? "max" : std::to_string(is);
        if (std::string difference = differs(target->property, text, wanted); !difference.empty()) return difference;
        if (told || !world.enforces) return "";
    }
    if (told) return "";
    const std::string directory = ofUnit                ? scope
                                  : value.group.empty() ? scope + "/" + groupName(kGroups - 1)
                                                        : scope + "/" + value.group;
    const std::string file = directory + "/" + target->file;
    return differs(file, contentOf(world.directory(file)), fileText(value));
}

} // namespace scopewright::integration::model
