// SPDX-License-Identifier: LGPL-2.1-or-later
#include "attacks/bad_values.h"

#include "api/group_object.h"
#include "api/manager_object.h"
#include "api/sandbox_object.h"

#include <fcntl.h>

#include <cstring>
#include <limits>
#include <map>

namespace scopewright::unit {

namespace {

constexpr const char* kUnit = "cri-containerd-0123.scope";

template <class T>
Offer offer(std::string text, T value) {
    return {std::move(text), [value](sd_bus_message* m) { bus::append(m, value); }};
}

Offer textOffer(const std::string& text) {
    return offer("'" + printable(text) + "'", text);
}

Offer descriptor(const std::string& text, int fd) {
    return {text, [fd](sd_bus_message* m) { bus::check(sd_bus_message_append_basic(m, 'h', &fd), "append"); }};
}

Offer number(std::uint32_t value) {
    return offer(std::to_string(value), value);
}

Offer numbers(std::vector<std::uint32_t> list) {
    return offer(std::to_string(list.size()) + " numbers", std::move(list));
}

/// The complete types of a signature, one after the other.
std::vector<std::string> typesIn(const std::string& signature) {
    std::vector<std::string> types;
    for (std::size_t at = 0; at < signature.size();) {
        std::size_t end = at;
        while (signature[end] == 'a')
            ++end;
        int depth = 0;
        do {
            depth += signature[end] == '(' || signature[end] == '{';
            depth -= signature[end] == ')' || signature[end] == '}';
            ++end;
        } while (depth > 0);
        types.push_back(signature.substr(at, end - at));
        at = end;
    }
    return types;
}

void addMethods(std::vector<Method>& methods, const char* interface, const sd_bus_vtable* row) {
    for (; row->type != _SD_BUS_VTABLE_END; ++row) {
        if (row->type != _SD_BUS_VTABLE_METHOD) continue;
        Method method{interface, row->x.method.member, {}};
        const char* name = row->x.method.names;
        for (const std::string& type : typesIn(row->x.method.signature ? row->x.method.signature : "")) {
            method.arguments.push_back({name, type});
            name += std::strlen(name) + 1;
        }
        methods.push_back(std::move(method));
    }
}

Value whole(std::int64_t value) {
    return value;
}

Value text(const char* value) {
    return std::string(value);
}

Value pairs(const char* key, const char* value) {
    return std::vector<std::pair<std::string, std::string>>{{key, value}};
}

/// Of no method, or out of range in each.
std::vector<Property> badProperties() {
    return {
        {"ExecStart", text("/bin/true")},
        {"Conflicts", std::vector<std::string>{"dbus.service"}},
        {"OnFailure", text("poweroff.target")},
        {"MemoryMax", std::uint64_t{1} << 30},
        {"Controller", text("x")},
        {"memory.max", whole(1 << 30)},
        {"cgroup.kill", whole(1)},
        {"", whole(1)},
        {"a\nb", whole(1)},
        {std::string(300, 'k'), whole(1)},
        {"\x1b[31m", text("\x1b[0m")},
        {"memory.limit", text("1G")},
        {"memory.limit", true},
        {"memory.limit", std::vector<std::string>{"1"}},
        {"memory.limit", whole(0)},
        {"memory.limit", whole(1)},
        {"memory.limit", whole(4095)},
        {"memory.limit", whole(std::numeric_limits<std::int64_t>::min())},
        {"memory.swap", whole(4096)},
        {"memory.reservation", text("x")},
        {"cpu.quota", whole(1)},
        {"cpu.quota", whole(999)},
        {"cpu.period", whole(0)},
        {"cpu.period", whole(1000001)},
        {"cpu.shares", whole(-1)},
        {"cpu.shares", text("1024")},
        {"cpu.idle", whole(2)},
        {"cpu.cpus", text("0-")},
        {"cpu.cpus", text("../1")},
        {"cpu.cpus", whole(1)},
        {"cpu.mems", text("a\nb")},
        {"pids.limit", text("max")},
        {"pids.limit", whole(std::numeric_limits<std::int64_t>::min())},
        {"blockIO.weight", whole(9)},
        {"blockIO.weight", whole(1001)},
        {"unified", text("memory.max=1")},
        {"unified", pairs("cgroup.kill", "1")},
        {"unified", pairs("cgroup.procs", "0")},
        {"unified", pairs("cgroup.subtree_control", "+memory")},
        {"unified", pairs("../x", "1")},
        {"unified", pairs("memory.max", "1G\n2")},
        {"unified", pairs("memory.max", "18446744073709551616")},
        {"unified", pairs("memory.max\n", "max")},
        {"resources", text("")},
        {"resources", text("{")},
        {"resources", text("[]")},
        {"resources", text("{\"memory\":{\"limit\":\"1G\"}}")},
        {"resources", text("{\"memory\":{\"limit\":1e30}}")},
        {"resources", std::string(200, '[')},
        {"resources", whole(1)},
    };
}

/// … of CreateSandbox and AdoptSandbox.
std::vector<Property> badForSandboxes() {
    return {
        {"Description", text("x\nOnFailure=poweroff.target")},
        {"Description", text("x\\")},
        {"Description", text("x%n")},
        {"Description", text("[scopewright v=1 id=web]")},
        {"Description", std::string(129, 'x')},
        {"Token", text("")},
        {"Token", text("a b")},
        {"Token", std::string(65, 't')},
        {"User", text("no-such-user-here")},
        {"User", text("4294967295")},
        {"User", text("-1")},
        {"Group", text("0x10")},
        {"Strict", text("yes")},
        {"Strict", whole(1)},
    };
}

/// … of CreateSandbox alone.
std::vector<Property> badForNew() {
    return {
        {"Slice", text("system.slice")},
        {"Slice", text("machine.slice/..")},
        {"Slice", text("-.slice")},
        {"Slice", whole(1)},
        {"UnitName", text("init.scope")},
        {"UnitName", text("a.service")},
        {"UnitName", text("../a.scope")},
        {"UnitName", text("a\n.scope")},
        {"UnitName", std::string(250, 'a') + ".scope"},
        {"CgroupsPath", text("/a/b")},
        {"CgroupsPath", text("system.slice:cri:a")},
        {"CgroupsPath", text("machine.slice:a:b/c")},
        {"TimeoutStopUSec", std::uint64_t{0}},
        {"TimeoutStopUSec", std::numeric_limits<std::uint64_t>::max()},
        {"RuntimeMaxUSec", std::uint64_t{0}},
        {"PIDs", text("1")},
    };
}

} // namespace

std::string Method::signature() const {
    std::string all;
    for (const Argument& argument : arguments)
        all += argument.type;
    return all;
}

std::vector<Method> allMethods() {
    std::vector<Method> methods;
    addMethods(methods, Bench::kManager, api::managerTable());
    addMethods(methods, Bench::kSandbox, api::sandboxTable());
    addMethods(methods, Bench::kGroup, api::groupTable());
    return methods;
}

BadValues::BadValues(Bench& bench, std::mt19937& dice)
    : dice_(dice),
      inside_(bench.sandbox("web")),
      outside_(bench.child()),
      zombie_(bench.child(Child::Kind::Zombie)),
      split_(bench.child(Child::Kind::SplitLeader)),
      file_(::open("/dev/null", O_RDONLY | O_CLOEXEC)) {
    REQUIRE(bench.answer(bench.createCompat("web", "c"))->text == "");
    Child& foreign = bench.child();
    bench.systemd.addUnit(kUnit, "somebody's container", "active", {foreign.pid()}).properties["Delegate"] = true;
}

std::string BadValues::nonsense() {
    static const std::vector<std::string> kPieces{
        "..",   "/",    "\n", "\r", "\x1b[2J", "%n",  "%s", "\\x2d",  "\xc3\xa9",          "\xe2\x80\xae",
        " ",    "'",    "\"", "A",  "=",       "web", "c",  ".scope", "[scopewright v=1]", "\t",
        "\x7f", "\x01", "0:", ":",  "-"};
    std::string text;
    for (std::size_t left = dice_() % 12; left > 0; --left)
        text += kPieces[dice_() % kPieces.size()];
    return text + "/x";
}

Offer BadValues::good(const Method& method, const Argument& argument) {
    if (argument.type == "h") return descriptor("a pidfd", inside_.pidfd());
    if (argument.type == "ah") return offer("a pidfd", BorrowedFds{{inside_.pidfd()}});
    if (argument.type == "au") return numbers({inside_.number()});
    if (argument.type == "t") return offer("0", std::uint64_t{0});
    if (argument.type == "i") return offer("SIGCONT", std::int32_t{18});
    if (argument.type == "u") return number(inside_.number());
    if (argument.type == "a(sv)")
        return offer("good ones", method.name == "CreateSandbox" ? pids(outside_) : Properties());
    if (argument.name == "unit") return textOffer(kUnit);
    if (argument.name == "group") return textOffer("payload");
    const bool makes = method.name.starts_with("Create") || method.name.starts_with("Adopt");
    const bool names = argument.name == "name" || method.name.ends_with("Sandbox");
    if (makes && names) return textOffer("new" + std::to_string(names_++));
    return textOffer(argument.name == "name" ? "c" : "web");
}

std::vector<Offer> BadValues::texts(const std::string& name) {
    std::vector<Offer> offers;
    for (const char* text :
         {"",       ".",   "..",       "/",     "a/b",  "../web", "/web", "x\ny",        "\xc3\xa9", "A B", "-a",
          "a\\x2d", "a%b", "\x1b[31m", "web\n", " web", "web ",   "\t",   "'; rm -rf /", ":web",     "a@b", "a\\"})
        offers.push_back(textOffer(text));
    // What is too long for an id is not too long for a group.
    for (const std::size_t length : {name.ends_with("id") ? 65U : 257U, 4096U, 70000U})
        offers.push_back(textOffer(std::string(length, 'a')));
    // As an id the name of a kernel file is a part of a unit's name, and harmless.
    if (!name.ends_with("id"))
        for (const char* text : {"cgroup.procs", "memory.max", "pids.current", "new_controller.file"})
            offers.push_back(textOffer(text));
    else
        for (const char* text : {"0:web:x", "4294967296:web", "-1:web", "1001:", "0x0:web"})
            offers.push_back(textOffer(text));
    for (int i = 0; i < 20; ++i)
        offers.push_back(textOffer(nonsense()));
    return offers;
}

std::vector<Offer> BadValues::lists(const std::string& method) {
    const bool creates = method == "CreateSandbox";
    const bool adopts = method == "AdoptSandbox";
    const Properties base = creates ? pids(outside_) : Properties();
    std::vector<Offer> offers;
    Properties many = base;
    for (int i = 0; i < 65; ++i)
        many = with(many, "k" + std::to_string(i), whole(i));
    offers.push_back(offer("too many", many));
    offers.push_back(offer("too long", with(base, "cpu.cpus", std::string(70000, '0'))));
    // What is wrong with a value is what this one is asked for.
    if (method == "Explain") return offers;
    offers.push_back(offer("twice", with(with(base, "pids.limit", whole(5)), "pids.limit", whole(5))));
    std::vector<Property> all = badProperties();
    const auto add = [&](const std::vector<Property>& more) { all.insert(all.end(), more.begin(), more.end()); };
    if (creates || adopts) add(badForSandboxes());
    if (creates) add(badForNew());
    for (const Property& property : all)
        offers.push_back(offer(printable(property.name), with(base, property.name, property.value)));
    for (int i = 0; i < 10; ++i)
        offers.push_back(offer("nonsense", with(base, nonsense(), text("x"))));
    if (!creates) return offers;
    const auto self = static_cast<std::uint32_t>(::getpid());
    for (const std::vector<std::uint32_t>& list : {std::vector<std::uint32_t>{},
                                                   {0},
                                                   {1},
                                                   {self},
                                                   {4294967295U},
                                                   {zombie_.number()},
                                                   {split_.number()},
                                                   {outside_.number(), outside_.number()},
                                                   {outside_.number(), inside_.number()}})
        offers.push_back(offer("PIDs", Properties(1, Property{"PIDs", list})));
    offers.push_back(offer("PIDFDs", Properties(1, Property{"PIDFDs", BorrowedFds{{file_.value()}}})));
    return offers;
}

std::vector<Offer> BadValues::bad(const Method& method, const Argument& argument) {
    const auto self = static_cast<std::uint32_t>(::getpid());
    if (argument.type == "s") return texts(argument.name);
    if (argument.type == "a(sv)") return lists(method.name);
    if (argument.type == "t")
        return {offer("1", std::uint64_t{1}), offer("2^63", std::uint64_t{1} << 63),
                offer("2^64-1", std::numeric_limits<std::uint64_t>::max())};
    if (argument.type == "i") {
        std::vector<Offer> offers;
        for (const std::int32_t signal :
             {0, 65, 1000, -1, -9, std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()})
            offers.push_back(offer(std::to_string(signal), signal));
        return offers;
    }
    if (argument.type == "u")
        return {number(0),           number(1),           number(self),
                number(4294967295U), number(2147483648U), number(outside_.number())};
    if (argument.type == "h") return {descriptor("/dev/null", file_.value()), descriptor("zombie", zombie_.pidfd())};
    if (argument.type == "ah")
        return {offer("none", BorrowedFds{}), offer("/dev/null", BorrowedFds{{file_.value()}}),
                offer("zombie", BorrowedFds{{zombie_.pidfd()}}),
                offer("twice", BorrowedFds{{outside_.pidfd(), outside_.pidfd()}}),
                offer("one of two", BorrowedFds{{outside_.pidfd(), file_.value()}})};
    if (argument.type == "au")
        return {numbers({}),
                numbers({0}),
                numbers({1}),
                numbers({self}),
                numbers({zombie_.number()}),
                numbers({split_.number()}),
                numbers({outside_.number(), 4294967295U}),
                numbers({outside_.number(), outside_.number()}),
                numbers(std::vector<std::uint32_t>(1025, outside_.number()))};
    throw std::runtime_error("nobody has thought of bad values of type " + argument.type);
}

} // namespace scopewright::unit
