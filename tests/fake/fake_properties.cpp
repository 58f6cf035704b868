// SPDX-License-Identifier: LGPL-2.1-or-later
// Unit properties as PID 1 takes, refuses, merges and shows them.
#include "bus/codec.h"
#include "fake_systemd.h"

#include <array>
#include <cstdlib>

namespace scopewright::fake {

namespace {

struct Known {
    const char* name;
    const char* signature;
    unsigned since;
};

// Numbers as in the version information of systemd.resource-control(5) and org.freedesktop.systemd1(5).
// clang-format off
constexpr std::array kKnown{
    Known{"AllowedCPUs", "ay", 244},              Known{"AllowedMemoryNodes", "ay", 244},
    Known{"BlockIOAccounting", "b", 0},           Known{"CPUAccounting", "b", 0},
    Known{"CPUQuotaPerSecUSec", "t", 0},          Known{"CPUQuotaPeriodUSec", "t", 242},
    Known{"CPUWeight", "t", 232},                 Known{"CollectMode", "s", 236},
    Known{"DefaultDependencies", "b", 0},         Known{"Delegate", "b", 218},
    Known{"Description", "s", 0},                 Known{"DeviceAllow", "a(ss)", 205},
    Known{"DevicePolicy", "s", 205},              Known{"IOAccounting", "b", 230},
    Known{"IODeviceLatencyTargetUSec", "a(st)", 240}, Known{"IODeviceWeight", "a(st)", 230},
    Known{"IOReadBandwidthMax", "a(st)", 230},    Known{"IOReadIOPSMax", "a(st)", 230},
    Known{"IOWeight", "t", 230},                  Known{"IOWriteBandwidthMax", "a(st)", 230},
    Known{"IOWriteIOPSMax", "a(st)", 230},        Known{"IPAccounting", "b", 235},
    Known{"KillMode", "s", 0},                    Known{"KillSignal", "i", 0},
    Known{"ManagedOOMPreference", "s", 248},      Known{"MemoryAccounting", "b", 0},
    Known{"MemoryHigh", "t", 231},                Known{"MemoryLow", "t", 231},
    Known{"MemoryMax", "t", 231},                 Known{"MemoryMin", "t", 240},
    Known{"MemorySwapMax", "t", 232},             Known{"MemoryZSwapMax", "t", 253},
    Known{"MemoryZSwapWriteback", "b", 256},      Known{"OOMPolicy", "s", 253},
    Known{"PIDFDs", "ah", 255},                   Known{"PIDs", "au", 0},
    Known{"RuntimeMaxUSec", "t", 244},            Known{"SendSIGHUP", "b", 0},
    Known{"SendSIGKILL", "b", 0},                 Known{"Slice", "s", 0},
    Known{"TasksAccounting", "b", 227},           Known{"TasksMax", "t", 227},
    Known{"TimeoutStopUSec", "t", 0},
};
// clang-format on

using Numbers = std::vector<std::pair<std::string, std::uint64_t>>;
using Texts = std::vector<std::pair<std::string, std::string>>;

unsigned number(const std::string& version) {
    return static_cast<unsigned>(std::strtoul(version.c_str() + (version[0] == 'v'), nullptr, 10));
}

bool hasType(const Value& value, const std::string& signature) {
    const auto is = [&](const char* one) { return signature == one; };
    if (std::holds_alternative<bool>(value)) return is("b");
    if (std::holds_alternative<std::int32_t>(value)) return is("i");
    if (std::holds_alternative<std::uint64_t>(value)) return is("t");
    if (std::holds_alternative<std::string>(value)) return is("s");
    if (std::holds_alternative<std::vector<std::uint32_t>>(value)) return is("au");
    if (std::holds_alternative<std::vector<std::uint8_t>>(value)) return is("ay");
    if (std::holds_alternative<BorrowedFds>(value)) return is("ah");
    if (std::holds_alternative<Numbers>(value)) return is("a(st)");
    if (std::holds_alternative<Texts>(value)) return is("a(ss)");
    return false;
}

std::string textOf(const Value& value) {
    if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
    if (const auto* small = std::get_if<std::int32_t>(&value)) return std::to_string(*small);
    if (const auto* large = std::get_if<std::uint64_t>(&value)) return std::to_string(*large);
    if (const auto* text = std::get_if<std::string>(&value)) return *text;
    return "";
}

/// Entry by entry; the empty list clears.
template <class List>
void mergeList(Value& before, const List& now) {
    List* list = std::get_if<List>(&before);
    if (!list || now.empty()) {
        before = now;
        return;
    }
    for (const auto& entry : now) {
        std::erase_if(*list, [&](const auto& old) { return old.first == entry.first; });
        list->push_back(entry);
    }
}

/// What PID 1 shows of a property that nobody has set.
Value initial(const Known& known) {
    const std::string name = known.name, signature = known.signature;
    if (signature == "b") return false;
    if (signature == "i") return std::int32_t{0};
    if (signature == "t") return std::uint64_t{name == "MemoryLow" || name == "MemoryMin" ? 0 : UINT64_MAX};
    if (signature == "ay") return std::vector<std::uint8_t>();
    if (signature == "a(st)") return Numbers();
    if (signature == "a(ss)") return Texts();
    return std::string();
}

} // namespace

std::string Unit::text(const std::string& property) const {
    const auto found = properties.find(property);
    return found == properties.end() ? "" : textOf(found->second);
}

Properties FakeSystemd::readProperties(sd_bus_message* m) {
    Properties all;
    bus::read(m, all);
    return all;
}

std::map<std::string, Value> FakeSystemd::merged(std::map<std::string, Value> before, const Properties& changes) {
    for (const Property& change : changes) {
        Value& value = before[change.name];
        if (const Numbers* numbers = std::get_if<Numbers>(&change.value))
            mergeList(value, *numbers);
        else if (const Texts* texts = std::get_if<Texts>(&change.value))
            mergeList(value, *texts);
        else
            value = change.value;
    }
    return before;
}

/// The name and the text of the error with which PID 1 would refuse them; "" if it would not.
std::string FakeSystemd::refuseProperties(const std::string& unit, const std::map<std::string, Value>& properties,
                                          std::string& message) {
    for (const char* never : {"User", "Group"})
        if (properties.count(never)) misuse(std::string(never) + "= on scope " + unit + " crashes PID 1");
    for (const auto& [name, value] : properties) {
        const Known* known = nullptr;
        for (const Known& row : kKnown)
            if (row.name == name && row.since <= number(version) && !without.count(name)) known = &row;
        if (!known) {
            message = "Cannot set property " + name + ", or unknown property.";
            return "org.freedesktop.DBus.Error.PropertyReadOnly";
        }
        const bool listForDelegate = name == "Delegate" && std::holds_alternative<std::vector<std::string>>(value);
        if (!hasType(value, known->signature) && !listForDelegate) {
            message = "No such device or address";
            return "System.Error.ENXIO";
        }
        const std::string text = textOf(value);
        if (text.find('\n') != std::string::npos || (!text.empty() && text.back() == '\\'))
            misuse("property " + name + " of " + unit + " would become directives at the next daemon-reload");
        if (name == "MemoryMax" && text == "0") {
            message = "MemoryMax= is out of range";
            return "org.freedesktop.DBus.Error.InvalidArgs";
        }
    }
    return "";
}

/// All that this PID 1 knows; those of the scope where it has some. Descriptors are taken, not shown.
Properties FakeSystemd::shownProperties(const Unit* unit) const {
    Properties shown;
    for (const Known& row : kKnown) {
        if (row.since > number(version) || without.count(row.name) || std::string(row.signature) == "ah" ||
            std::string(row.signature) == "au")
            continue;
        const bool has = unit && unit->properties.count(row.name);
        shown.push_back({row.name, has ? unit->properties.at(row.name) : initial(row)});
    }
    return shown;
}

} // namespace scopewright::fake
