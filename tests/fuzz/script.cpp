// SPDX-License-Identifier: LGPL-2.1-or-later
#include "script.h"

#include "api/paths.h"
#include "bus/codec.h"
#include "fuzz.h"
#include "limits/text.h"
#include "values.h"

#include <cerrno>

namespace scopewright::fuzz {

namespace {

constexpr const char* kAppend = "append an argument";

struct Address {
    std::string path;
    std::string interface;
};

Address addressOf(std::string_view object) {
    if (object == "Manager") return {api::kManagerPath, api::kManagerInterface};
    const std::vector<std::string_view> parts = limits::split(object, '/');
    // Whatever the text is: names that cannot be those of objects are worth a call, too.
    const sandbox::Key key{0, std::string(parts.size() > 1 ? parts[1] : "")};
    if (parts.front() == "Sandbox") return {api::sandboxPath(key), api::kSandboxInterface};
    if (parts.front() == "Group")
        return {api::groupPath(key, std::string(parts.size() > 2 ? parts[2] : "")), api::kGroupInterface};
    return {std::string(object), ""};
}

template <class Pairs>
void appendPairs(sd_bus_message* m, const char* contents, char item, const char* halves, const Pairs& pairs) {
    bus::check(sd_bus_message_open_container(m, 'a', contents), kAppend);
    for (const auto& pair : pairs) {
        bus::check(sd_bus_message_open_container(m, item, halves), kAppend);
        bus::append(m, pair.first);
        bus::append(m, pair.second);
        bus::check(sd_bus_message_close_container(m), kAppend);
    }
    bus::check(sd_bus_message_close_container(m), kAppend);
}

void appendBasic(sd_bus_message* m, char type, std::string_view text) {
    const std::string plain = unescaped(text);
    const std::uint64_t number = toNumber(text);
    const double fraction = static_cast<double>(number);
    const void* value = type == 'd' ? static_cast<const void*>(&fraction) : &number;
    if (type == 's' || type == 'o' || type == 'g') value = plain.c_str();
    bus::check(sd_bus_message_append_basic(m, type, value), kAppend);
}

void appendDescriptors(sd_bus_message* m, std::string_view text, const Descriptors& descriptors) {
    BorrowedFds fds;
    for (std::string_view item : limits::split(text, ';'))
        if (!item.empty()) fds.fds.push_back(descriptors(item));
    bus::append(m, fds);
}

void appendArgument(sd_bus_message* m, std::string_view signature, std::string_view text, const Descriptors& fds) {
    if (signature == "h") {
        const int fd = fds(text);
        bus::check(sd_bus_message_append_basic(m, 'h', &fd), kAppend);
    } else if (signature == "ah") {
        appendDescriptors(m, text, fds);
    } else if (signature == "a(sv)") {
        bus::append(m, Properties());
    } else if (signature == "v") {
        const std::size_t blank = text.find(' ');
        bus::append(m, toValue(text.substr(0, blank), blank == std::string_view::npos ? "" : text.substr(blank + 1)));
    } else if (signature.size() == 1) {
        appendBasic(m, signature.front(), text);
    } else {
        const Value value = toValue(signature, text);
        if (const auto* numbers = std::get_if<std::vector<std::uint32_t>>(&value))
            bus::append(m, *numbers);
        else if (const auto* texts = std::get_if<std::vector<std::string>>(&value))
            bus::append(m, *texts);
        else if (const auto* bytes = std::get_if<std::vector<std::uint8_t>>(&value))
            bus::check(sd_bus_message_append_array(m, 'y', bytes->data(), bytes->size()), kAppend);
        else if (const auto* sized = std::get_if<std::vector<std::pair<std::string, std::uint64_t>>>(&value))
            appendPairs(m, "(st)", 'r', "st", *sized);
        else if (const auto* pairs = std::get_if<std::vector<std::pair<std::string, std::string>>>(&value))
            appendPairs(m, signature == "a{ss}" ? "{ss}" : "(ss)", signature == "a{ss}" ? 'e' : 'r', "ss", *pairs);
        else
            throw Error(ErrorCode::InvalidArgument, "no such type");
    }
}

/// In a variant descriptors come from the same places.
Property toProperty(std::string_view line, const Descriptors& descriptors) {
    Property property = fuzz::toProperty(line);
    if (!std::holds_alternative<BorrowedFds>(property.value)) return property;
    BorrowedFds fds;
    const std::vector<std::string_view> parts = limits::split(line, ' ');
    for (std::string_view item : limits::split(parts.back(), ';'))
        fds.fds.push_back(descriptors(item));
    property.value = std::move(fds);
    return property;
}

} // namespace

std::vector<Step> parseScript(std::string_view text, std::size_t most) {
    std::vector<Step> steps;
    bool begun = false;
    for (std::string_view line : lines(text)) {
        if (line.empty()) {
            begun = false;
        } else if (begun) {
            steps.back().arguments.push_back(line);
        } else if (steps.size() == most) {
            break;
        } else {
            Step& step = steps.emplace_back();
            step.event = line.starts_with('!');
            step.waits = !line.starts_with('&');
            if (step.event || !step.waits) line.remove_prefix(1);
            for (std::string_view word : limits::words(line))
                step.words.emplace_back(word);
            begun = true;
        }
    }
    return steps;
}

bus::Message toCall(sd_bus* bus, const Step& step, const Descriptors& descriptors) {
    if (step.words.size() < 3) throw Error(ErrorCode::InvalidArgument, "a call has a sender, an object and a member");
    Address address = addressOf(step.words[1]);
    std::string member = step.words[2];
    if (const std::size_t dot = member.rfind('.'); dot != std::string::npos) {
        address.interface = member.substr(0, dot);
        member.erase(0, dot + 1);
    }
    sd_bus_message* raw = nullptr;
    const char* interface = address.interface.empty() ? nullptr : address.interface.c_str();
    bus::check(
        sd_bus_message_new_method_call(bus, &raw, api::kBusName, address.path.c_str(), interface, member.c_str()),
        "make a call");
    bus::Message message = bus::Message::adopt(raw);
    Properties properties;
    bool listed = false;
    const auto endList = [&] {
        if (listed) bus::append(raw, properties);
        properties.clear();
        listed = false;
    };
    for (std::string_view line : step.arguments) {
        if (line.starts_with("+ ")) {
            properties.push_back(toProperty(line.substr(2), descriptors));
            listed = true;
            continue;
        }
        endList();
        const std::size_t blank = line.find(' ');
        const std::string_view value = blank == std::string_view::npos ? "" : line.substr(blank + 1);
        appendArgument(raw, line.substr(0, blank), value, descriptors);
    }
    endList();
    return message;
}

} // namespace scopewright::fuzz
