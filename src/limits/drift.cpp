// SPDX-License-Identifier: LGPL-2.1-or-later
#include "limits/drift.h"

#include "limits/block_io.h"
#include "limits/devices.h"
#include "limits/properties.h"
#include "limits/steps.h"
#include "limits/text.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>

namespace scopewright::limits {

namespace {

using Numbers = std::vector<std::pair<std::string, std::uint64_t>>;
using Texts = std::vector<std::pair<std::string, std::string>>;
using Mask = std::vector<std::uint8_t>;

/// PID 1 shows a list in its own order, and no entry for what is unlimited.
template <class List>
List ordered(List list) {
    if constexpr (std::is_same_v<List, Numbers>)
        std::erase_if(list, [](const auto& entry) { return entry.second == kInfinity; });
    std::ranges::sort(list);
    return list;
}

/// PID 1 shows a mask with as many bytes as it has reserved.
Mask trimmed(Mask mask) {
    while (!mask.empty() && mask.back() == 0)
        mask.pop_back();
    return mask;
}

template <class List>
void extend(Value& value, const List& more) {
    List* list = std::get_if<List>(&value);
    if (list && !more.empty())
        list->insert(list->end(), more.begin(), more.end());
    else
        value = more;
}

/// By name, in the order of the first mention.
std::vector<Property> together(const Properties& planned) {
    std::vector<Property> merged;
    for (const Property& property : planned) {
        auto known = std::ranges::find(merged, property.name, &Property::name);
        if (known == merged.end())
            merged.push_back(property);
        else if (const Numbers* numbers = std::get_if<Numbers>(&property.value))
            extend(known->value, *numbers);
        else if (const Texts* texts = std::get_if<Texts>(&property.value))
            extend(known->value, *texts);
        else
            known->value = property.value;
    }
    return merged;
}

/// There are two ways to allow every device; see everyDevice().
void canonicalize(std::vector<Property>& properties) {
    const auto policy = std::ranges::find(properties, "DevicePolicy", &Property::name);
    const auto allow = std::ranges::find(properties, "DeviceAllow", &Property::name);
    if (policy == properties.end() || allow == properties.end()) return;
    const Texts* list = std::get_if<Texts>(&allow->value);
    if (valueText(policy->value) != "strict" || !list || ordered(*list) != everyDevice()) return;
    policy->value = std::string("auto");
    allow->value = Texts();
}

/// Nothing where the two are of different types.
std::optional<bool> same(const Value& a, const Value& b) {
    if (a.index() != b.index()) return std::nullopt;
    if (const Mask* mask = std::get_if<Mask>(&a)) return trimmed(*mask) == trimmed(std::get<Mask>(b));
    if (const Numbers* list = std::get_if<Numbers>(&a)) return ordered(*list) == ordered(std::get<Numbers>(b));
    if (const Texts* list = std::get_if<Texts>(&a)) return ordered(*list) == ordered(std::get<Texts>(b));
    return valueText(a) == valueText(b);
}

std::string_view withoutEnd(std::string_view text) {
    while (text.ends_with('\n') || text.ends_with(' '))
        text.remove_suffix(1);
    return text;
}

bool isLifted(std::string_view word) {
    return word == "default" || word == "max" || word.ends_with("=max") || word == "target=0";
}

/// "8:0 rbps=600" is held by "8:0 rbps=600 wbps=max riops=max wiops=max".
bool lineHolds(std::string_view wanted, std::string_view content) {
    const std::vector<std::string_view> asked = words(wanted);
    for (std::string_view line : split(content, '\n')) {
        const std::vector<std::string_view> there = words(line);
        if (there.empty() || there.front() != asked.front()) continue;
        return std::all_of(asked.begin() + 1, asked.end(),
                           [&](std::string_view word) { return std::ranges::find(there, word) != there.end(); });
    }
    return std::all_of(asked.begin() + 1, asked.end(), isLifted);
}

/// Of "hugetlb.2MB.max"; 1 for what is not counted in pages.
std::uint64_t pageOf(const FileValue& file) {
    if (file.controller == "memory") return static_cast<std::uint64_t>(kPage);
    if (file.controller != "hugetlb") return 1;
    const std::vector<std::string_view> parts = split(file.file, '.');
    if (parts.size() < 3 || parts[1].size() < 3) return 1;
    const std::string_view size = parts[1];
    const std::optional<std::uint64_t> number = parseNumber(size.substr(0, size.size() - 2));
    const std::size_t unit = std::string_view("KMG").find(size[size.size() - 2]);
    return number && unit != std::string_view::npos ? *number << (10 * (unit + 1)) : 1;
}

/// The kernel rounds bytes down to whole pages, huge ones too.
bool isRoundedDown(const FileValue& file, std::uint64_t wanted, std::uint64_t there) {
    return there <= wanted && wanted - there < pageOf(file);
}

/// Whether one of the properties with this name lists the path.
bool lists(const Properties& properties, const std::string& name, const std::string& path) {
    for (const Property& property : properties) {
        const Numbers* list = std::get_if<Numbers>(&property.value);
        if (property.name != name || !list) continue;
        if (std::ranges::find(*list, path, &Numbers::value_type::first) != list->end()) return true;
    }
    return false;
}

template <class Map>
void lift(std::optional<Map>& entries, DeviceNumber device) {
    if (!entries) entries.emplace();
    (*entries)[device] = {};
}

void liftIn(Resources& resources, std::string_view property, DeviceNumber device) {
    if (property == "IODeviceWeight") lift(resources.weightDevice, device);
    if (property == "IOReadBandwidthMax") lift(resources.readBps, device);
    if (property == "IOWriteBandwidthMax") lift(resources.writeBps, device);
    if (property == "IOReadIOPSMax") lift(resources.readIops, device);
    if (property == "IOWriteIOPSMax") lift(resources.writeIops, device);
}

} // namespace

std::vector<Override> overrides(const Properties& planned, const Properties& shown) {
    std::vector<Override> found;
    std::vector<Property> asked = together(planned);
    std::vector<Property> now = shown;
    canonicalize(asked);
    canonicalize(now);
    for (const Property& one : asked) {
        const auto there = std::ranges::find(now, one.name, &Property::name);
        if (there == now.end() || same(one.value, there->value).value_or(true)) continue;
        found.push_back(Override{one.name, valueText(there->value), valueText(one.value)});
    }
    return found;
}

Standing standing(const Resources& before, const Resources& after, Context context, const Properties& shown) {
    Standing found;
    context.starting = false;
    const Properties told = planScope(before, context).properties;
    for (const Override& one : overrides(told, shown))
        found.others.insert(one.property);
    for (const Override& change : overrides(told, planScope(after, context).properties))
        found.others.erase(change.property);

    context.starting = true;
    for (const Step& step : planSteps(after, context)) {
        const bool property = step.kind == Step::Kind::Property;
        const auto* rule = std::ranges::find(kProperties, step.property.name, &PropertyRule::property);
        if (!property || rule == kProperties.end() || rule->change == Change::Live) continue;
        // That all are killed together can be asked for in the payload as well; that they are not, can not.
        if (valueText(step.property.value) == "kill") continue;
        if (!overrides(Properties(1, step.property), shown).empty())
            found.fixed.push_back(Skip{step.key, fixedAtStart(step.property.name)});
    }
    return found;
}

Properties asBefore(const Properties& told, const Properties& shown) {
    Properties back;
    for (const Property& one : together(told)) {
        const auto there = std::ranges::find(shown, one.name, &Property::name);
        if (there == shown.end() || there->value.index() != one.value.index()) continue;
        const bool numbers = std::holds_alternative<Numbers>(one.value);
        const bool list = numbers || std::holds_alternative<Texts>(one.value);
        if (list) back.push_back(Property{one.name, numbers ? Value(Numbers()) : Value(Texts())});
        if (!list || !valueText(there->value).empty()) back.push_back(*there);
    }
    // A running scope keeps its program when it is told "auto" and no list; see everyDevice().
    const auto policy = std::ranges::find(back, "DevicePolicy", &Property::name);
    const bool listed = std::ranges::any_of(back, [](const Property& one) {
        const Texts* list = std::get_if<Texts>(&one.value);
        return one.name == "DeviceAllow" && list && !list->empty();
    });
    if (policy != back.end() && !listed && valueText(policy->value) == "auto") {
        policy->value = std::string("strict");
        back.push_back(Property{"DeviceAllow", everyDevice()});
    }
    return back;
}

Resources emptiedBy(const Properties& properties, const Properties& told) {
    Resources emptied;
    for (const Property& one : told) {
        const Numbers* list = std::get_if<Numbers>(&one.value);
        if (!list) continue;
        for (const auto& entry : *list)
            if (!lists(properties, one.name, entry.first)) liftIn(emptied, one.name, deviceAt(entry.first));
    }
    for (const Property& property : properties) {
        const Mask* mask = std::get_if<Mask>(&property.value);
        if (!mask || !trimmed(*mask).empty()) continue;
        (property.name == "AllowedCPUs" ? emptied.cpus : emptied.mems) = "";
    }
    return emptied;
}

std::string former(const FileValue& file, std::string_view content) {
    constexpr std::array<std::string_view, 6> kByKey{"io.bfq.weight", "io.latency", "io.max",
                                                     "io.weight",     "misc.max",   "rdma.max"};
    const std::vector<std::string_view> written = words(withoutEnd(file.value));
    if (written.size() < 2 || std::ranges::find(kByKey, file.file) == kByKey.end()) return std::string(content);
    for (std::string_view line : split(content, '\n'))
        if (const std::vector<std::string_view> there = words(line); !there.empty() && there.front() == written.front())
            return std::string(line);
    std::string lifted(written.front());
    for (std::string_view word : std::span(written).subspan(1)) {
        const std::size_t sign = word.find('=');
        const bool weight = file.file.ends_with("weight");
        lifted += " " + std::string(sign == std::string_view::npos ? "" : word.substr(0, sign + 1)) +
                  (weight                        ? "default"
                   : word.starts_with("target=") ? "0"
                                                 : "max");
    }
    return lifted;
}

bool holds(const FileValue& file, std::string_view content) {
    const std::string_view wanted = withoutEnd(file.value);
    const std::string_view there = withoutEnd(content);
    if (wanted == there) return true;
    const std::optional<std::uint64_t> a = parseNumber(wanted), b = parseNumber(there);
    if (a && b) return isRoundedDown(file, *a, *b);
    return words(wanted).size() > 1 && lineHolds(wanted, there);
}

} // namespace scopewright::limits
