// SPDX-License-Identifier: LGPL-2.1-or-later
// JSON is translated to the dotted keys and their D-Bus values, so that set() is the one place that checks them.
#include "limits/oci_json.h"

#include "base/error.h"
#include "limits/block_io.h"
#include "limits/devices.h"
#include "limits/limits.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>
#include <utility>

namespace scopewright::limits {

namespace {

using Json = nlohmann::json;
using Numbers = std::vector<std::pair<std::string, std::uint64_t>>;
using Texts = std::vector<std::pair<std::string, std::string>>;

[[noreturn]] void refuseJson(const std::string& path, const std::string& why) {
    throw Error(ErrorCode::InvalidArgument, "resources: " + printable(path) + " " + why);
}

/// What DOM parsers pass over in silence: members that are there twice, and depth.
class Watch {
public:
    bool operator()(int depth, Json::parse_event_t event, Json& parsed) {
        using Event = Json::parse_event_t;
        if ((event == Event::object_start || event == Event::array_start) && depth >= kDeepestJson)
            throw Error(ErrorCode::LimitsExceeded,
                        "resources: JSON is nested deeper than " + std::to_string(kDeepestJson));
        if (event == Event::object_start) open_.emplace_back();
        if (event == Event::object_end) open_.pop_back();
        if (event == Event::key && !open_.back().insert(parsed.get<std::string>()).second)
            refuseJson(parsed.get<std::string>(), "is there twice");
        return true;
    }

private:
    std::vector<std::set<std::string>> open_;
};

Json parse(std::string_view text) {
    if (text.size() > kLongestJson)
        throw Error(ErrorCode::LimitsExceeded,
                    "resources: JSON is longer than " + std::to_string(kLongestJson) + " bytes");
    try {
        Watch watch;
        return Json::parse(
            text, [&watch](int depth, Json::parse_event_t event, Json& parsed) { return watch(depth, event, parsed); });
    } catch (const Json::parse_error& error) {
        throw Error(ErrorCode::InvalidArgument, "resources: no JSON at byte " + std::to_string(error.byte));
    } catch (const Json::exception&) {
        throw Error(ErrorCode::InvalidArgument, "resources: JSON with a number that is beyond any range");
    }
}

class Reader {
public:
    /// `exact`: zeros and empty lists are meant, as in our own records.
    explicit Reader(bool exact) : exact_(exact) {}

    Resources read(const Json& root) {
        expectObject("the whole", root);
        for (const auto& [name, value] : root.items()) {
            if (value.is_null()) continue;
            if (name == "cpu" || name == "memory" || name == "pids" || name == "blockIO" || name == "network")
                readObject(name, value);
            else if (name == "hugepageLimits")
                setList(name, readHugepages(name, value));
            else if (name == "rdma")
                setList(name, readRdma(name, value));
            else if (name == "devices")
                setList(name, readDevices(name, value));
            else if (name == "unified")
                setList(name, readUnified(name, value));
            else
                refuseJson(name, "is no member of linux.resources");
        }
        if (quotaIsZero_ && resources_.cpuPeriod) set(resources_, "cpu.quota", std::int64_t{-1});
        return std::move(resources_);
    }

private:
    void readObject(const std::string& name, const Json& object) {
        expectObject(name, object);
        for (const auto& [member, value] : object.items())
            if (!value.is_null())
                readMember(name + "." + member, value);
            else if (!isResourceKey(name + "." + member))
                refuseJson(name + "." + member, "is no member of linux.resources");
    }

    void readMember(const std::string& path, const Json& value) {
        if (const auto* field = std::ranges::find(kFields, path, &Field::key); field != kFields.end())
            readNumber(*field, value);
        else if (std::ranges::find(kFlags, path, &Flag::key) != kFlags.end())
            set(resources_, path, boolean(path, value));
        else if (std::ranges::find(kLists, path, &ListField::key) != kLists.end())
            readText(path, value);
        else if (std::ranges::find(kRates, path, &RateField::key) != kRates.end())
            setList(path, readRates(path, value));
        else if (path == "blockIO.weightDevice")
            readWeights(path, value);
        else if (path == "network.priorities")
            setList(path, readPriorities(path, value));
        else
            refuseJson(path, "is no member of linux.resources");
    }

    void readNumber(const Field& field, const Json& value) {
        const std::string path(field.key);
        std::int64_t number = integer(path, value);
        if (!exact_ && field.unlimited && number < 0) number = -1;
        if (!exact_ && field.zeroIsUnset && number == 0) {
            quotaIsZero_ = quotaIsZero_ || path == "cpu.quota";
            return;
        }
        set(resources_, path, number);
    }

    void readText(const std::string& path, const Json& value) {
        if (std::string list = text(path, value); exact_ || !list.empty()) set(resources_, path, std::move(list));
    }

    template <class List>
    void setList(const std::string& path, List list) {
        if (exact_ || !list.empty()) set(resources_, path, std::move(list));
    }

    Numbers readRates(const std::string& path, const Json& list) {
        Numbers rates;
        forEach(path, list, {"major", "minor", "rate"}, [&](const std::string& at, const Json& entry) {
            rates.emplace_back(device(at, entry), needed<std::uint64_t>(at, entry, "rate"));
        });
        return rates;
    }

    void readWeights(const std::string& path, const Json& list) {
        Numbers weights;
        std::map<DeviceNumber, std::uint16_t> leaves;
        forEach(path, list, {"major", "minor", "weight", "leafWeight"}, [&](const std::string& at, const Json& entry) {
            const std::uint64_t weight = optional<std::uint64_t>(at, entry, "weight").value_or(0);
            const std::uint64_t leaf = optional<std::uint64_t>(at, entry, "leafWeight").value_or(0);
            if (leaf != 0 && (leaf < 10 || leaf > 1000)) refuseJson(at + ".leafWeight", "is not in 10..1000");
            if (!exact_ && weight == 0 && leaf == 0) return;
            weights.emplace_back(device(at, entry), weight);
            leaves[parseDeviceNumber(path, weights.back().first)] = static_cast<std::uint16_t>(leaf);
        });
        setList(path, std::move(weights));
        for (const auto& [number, leaf] : leaves)
            resources_.weightDevice->at(number).leafWeight = leaf;
    }

    Numbers readHugepages(const std::string& path, const Json& list) {
        Numbers limits;
        forEach(path, list, {"pageSize", "limit"}, [&](const std::string& at, const Json& entry) {
            limits.emplace_back(needed<std::string>(at, entry, "pageSize"), needed<std::uint64_t>(at, entry, "limit"));
        });
        return limits;
    }

    Numbers readPriorities(const std::string& path, const Json& list) {
        Numbers priorities;
        forEach(path, list, {"name", "priority"}, [&](const std::string& at, const Json& entry) {
            priorities.emplace_back(needed<std::string>(at, entry, "name"),
                                    needed<std::uint64_t>(at, entry, "priority"));
        });
        return priorities;
    }

    Texts readRdma(const std::string& path, const Json& object) {
        expectObject(path, object);
        Texts limits;
        for (const auto& [name, entry] : object.items()) {
            const std::string at = path + "." + name;
            checkMembers(at, entry, {"hcaHandles", "hcaObjects"});
            std::string limit;
            if (const auto handles = optional<std::uint64_t>(at, entry, "hcaHandles"))
                limit += "hca_handle=" + std::to_string(*handles);
            if (const auto objects = optional<std::uint64_t>(at, entry, "hcaObjects"))
                limit += " hca_object=" + std::to_string(*objects);
            limits.emplace_back(name, limit);
        }
        return limits;
    }

    Texts readDevices(const std::string& path, const Json& list) {
        Texts rules;
        forEach(path, list, {"allow", "type", "major", "minor", "access"},
                [&](const std::string& at, const Json& entry) {
                    const auto type = optional<std::string>(at, entry, "type");
                    const std::string major = half(at, entry, "major");
                    const std::string minor = half(at, entry, "minor");
                    std::string rule = needed<bool>(at, entry, "allow") ? "allow " : "deny ";
                    rule += type && !type->empty() ? *type : "a";
                    if (major != "*" || minor != "*" || !rule.ends_with(" a")) rule += " " + major + ":" + minor;
                    rules.emplace_back(rule, optional<std::string>(at, entry, "access").value_or(""));
                });
        return rules;
    }

    Texts readUnified(const std::string& path, const Json& object) {
        expectObject(path, object);
        Texts files;
        for (const auto& [file, value] : object.items())
            files.emplace_back(file, text(path + "." + file, value));
        return files;
    }

    /// Runtimes write a wildcard as null, as -1, or not at all.
    static std::string half(const std::string& at, const Json& entry, const char* name) {
        const std::int64_t number = optional<std::int64_t>(at, entry, name).value_or(-1);
        if (number < -1) refuseJson(at + "." + name, "is less than -1");
        return number == -1 ? "*" : std::to_string(number);
    }

    static std::string device(const std::string& at, const Json& entry) {
        return std::to_string(needed<std::uint64_t>(at, entry, "major")) + ":" +
               std::to_string(needed<std::uint64_t>(at, entry, "minor"));
    }

    template <class Act>
    static void forEach(const std::string& path, const Json& list, std::initializer_list<std::string_view> members,
                        Act act) {
        if (!list.is_array()) refuseJson(path, "must be an array");
        for (std::size_t i = 0; i < list.size(); ++i) {
            const std::string at = path + "[" + std::to_string(i) + "]";
            checkMembers(at, list[i], members);
            act(at, list[i]);
        }
    }

    static void checkMembers(const std::string& path, const Json& entry,
                             std::initializer_list<std::string_view> members) {
        expectObject(path, entry);
        for (const auto& [name, value] : entry.items())
            if (std::ranges::find(members, name) == members.end())
                refuseJson(path + "." + name, "is no member of linux.resources");
    }

    static void expectObject(const std::string& path, const Json& value) {
        if (!value.is_object()) refuseJson(path, "must be an object");
    }

    static bool boolean(const std::string& path, const Json& value) {
        if (!value.is_boolean()) refuseJson(path, "must be true or false");
        return value.get<bool>();
    }
    static std::string text(const std::string& path, const Json& value) {
        if (!value.is_string()) refuseJson(path, "must be a string");
        return value.get<std::string>();
    }
    static std::uint64_t natural(const std::string& path, const Json& value) {
        if (!value.is_number_unsigned()) refuseJson(path, "must be an integer in 0..2^64-1");
        return value.get<std::uint64_t>();
    }
    static std::int64_t integer(const std::string& path, const Json& value) {
        const bool fits =
            value.is_number_unsigned() ? value.get<std::uint64_t>() <= INT64_MAX : value.is_number_integer();
        if (!fits) refuseJson(path, "must be an integer in -2^63..2^63-1");
        return value.get<std::int64_t>();
    }

    template <class T>
    static std::optional<T> optional(const std::string& at, const Json& entry, const char* name) {
        const auto found = entry.find(name);
        if (found == entry.end() || found->is_null()) return std::nullopt;
        const std::string path = at + "." + name;
        if constexpr (std::is_same_v<T, bool>)
            return boolean(path, *found);
        else if constexpr (std::is_same_v<T, std::string>)
            return text(path, *found);
        else if constexpr (std::is_same_v<T, std::uint64_t>)
            return natural(path, *found);
        else
            return integer(path, *found);
    }

    template <class T>
    static T needed(const std::string& at, const Json& entry, const char* name) {
        std::optional<T> value = optional<T>(at, entry, name);
        if (!value) refuseJson(at + "." + name, "is missing");
        return std::move(*value);
    }

    bool exact_;
    bool quotaIsZero_ = false;
    Resources resources_;
};

Json& at(Json& json, std::string_view dotted) {
    const std::size_t dot = dotted.find('.');
    Json& object = json[std::string(dotted.substr(0, dot))];
    return dot == std::string_view::npos ? object : object[std::string(dotted.substr(dot + 1))];
}

Json deviceJson(DeviceNumber device) {
    return Json{{"major", device.major}, {"minor", device.minor}};
}

Json ruleJson(const DeviceRule& rule) {
    Json json{{"allow", rule.allow}, {"type", std::string(1, rule.type)}, {"access", rule.access}};
    if (rule.major) json["major"] = *rule.major;
    if (rule.minor) json["minor"] = *rule.minor;
    return json;
}

template <class Map, class Print>
Json arrayOf(const Map& map, Print print) {
    Json list = Json::array();
    for (const auto& entry : map)
        list.push_back(print(entry));
    return list;
}

Json toJson(const Resources& r) {
    Json json = Json::object();
    for (const Field& field : kFields)
        if (r.*field.member) at(json, field.key) = *(r.*field.member);
    for (const Flag& flag : kFlags)
        if (r.*flag.member) at(json, flag.key) = *(r.*flag.member);
    for (const ListField& list : kLists)
        if (r.*list.member) at(json, list.key) = *(r.*list.member);
    for (const RateField& rates : kRates)
        if (r.*rates.member)
            at(json, rates.key) = arrayOf(*(r.*rates.member), [](const auto& entry) {
                Json one = deviceJson(entry.first);
                one["rate"] = entry.second;
                return one;
            });
    if (r.weightDevice)
        at(json, "blockIO.weightDevice") = arrayOf(*r.weightDevice, [](const auto& entry) {
            Json one = deviceJson(entry.first);
            one["weight"] = entry.second.weight;
            one["leafWeight"] = entry.second.leafWeight;
            return one;
        });
    if (r.hugepages)
        json["hugepageLimits"] = arrayOf(*r.hugepages, [](const auto& entry) {
            return Json{{"pageSize", entry.first}, {"limit", entry.second}};
        });
    if (r.networkPriorities)
        at(json, "network.priorities") = arrayOf(*r.networkPriorities, [](const auto& entry) {
            return Json{{"name", entry.first}, {"priority", entry.second}};
        });
    if (r.rdma) {
        json["rdma"] = Json::object();
        for (const auto& [name, limit] : *r.rdma) {
            if (limit.handles) json["rdma"][name]["hcaHandles"] = *limit.handles;
            if (limit.objects) json["rdma"][name]["hcaObjects"] = *limit.objects;
        }
    }
    if (r.devices) json["devices"] = arrayOf(*r.devices, ruleJson);
    if (r.unified) json["unified"] = *r.unified;
    return json;
}

} // namespace

Resources fromOciJson(std::string_view text) {
    return Reader(false).read(parse(text));
}

std::string toText(const Resources& resources) {
    if (resources == Resources()) return "";
    // Outside of strings dump() makes no blanks, and inside of them no line breaks.
    std::string text = toJson(resources).dump(-1, ' ', true);
    for (std::size_t at = text.find(' '); at != std::string::npos; at = text.find(' ', at))
        text.replace(at, 1, "\\u0020");
    return text;
}

std::optional<Resources> fromText(std::string_view text) {
    if (text.empty()) return Resources();
    try {
        return Reader(true).read(parse(text));
    } catch (const Error&) {
        return std::nullopt;
    }
}

} // namespace scopewright::limits
