// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bus/codec.h"

#include <array>
#include <cerrno>
#include <cstring>

namespace scopewright::bus {

namespace {

template <class... Ts>
struct Overloaded : Ts... {
    using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

constexpr const char* kAppend = "append to a message";
constexpr const char* kRead = "read a message";

void open(sd_bus_message* m, char type, const char* contents) {
    check(sd_bus_message_open_container(m, type, contents), kAppend);
}
void close(sd_bus_message* m) {
    check(sd_bus_message_close_container(m), kAppend);
}
/// False at the end of the surrounding array.
bool enter(sd_bus_message* m, char type, const char* contents) {
    return check(sd_bus_message_enter_container(m, type, contents), kRead) > 0;
}
void leave(sd_bus_message* m) {
    check(sd_bus_message_exit_container(m), kRead);
}

void appendBasic(sd_bus_message* m, char type, const void* value) {
    check(sd_bus_message_append_basic(m, type, value), kAppend);
}
/// False at the end of the surrounding array.
bool readBasic(sd_bus_message* m, char type, void* value) {
    return check(sd_bus_message_read_basic(m, type, value), kRead) > 0;
}

const char* signatureOf(const Value& value) {
    static constexpr std::array<const char*, std::variant_size_v<Value>> kSignatures{
        "b", "i", "u", "x", "t", "s", "au", "as", "ay", "ah", "a(st)", "a(ss)", nullptr};
    return kSignatures[value.index()];
}

template <class Second>
void readPairs(sd_bus_message* m, const char* item, char container,
               std::vector<std::pair<std::string, Second>>& pairs) {
    const std::string contents(item + 1, std::strlen(item) - 2);
    enter(m, 'a', item);
    while (enter(m, container, contents.c_str())) {
        std::pair<std::string, Second> pair;
        read(m, pair.first);
        read(m, pair.second);
        pairs.push_back(std::move(pair));
        leave(m);
    }
    leave(m);
}

template <class T>
void readNumbers(sd_bus_message* m, char type, std::vector<T>& numbers) {
    const void* data = nullptr;
    std::size_t bytes = 0;
    check(sd_bus_message_read_array(m, type, &data, &bytes), kRead);
    // sd-bus hands out what the sender says, which need not be whole numbers: not every bus looks into bodies.
    if (bytes % sizeof(T) != 0) check(-EBADMSG, kRead);
    numbers.resize(bytes / sizeof(T));
    if (bytes > 0) std::memcpy(numbers.data(), data, bytes);
}

template <class T>
T readOne(sd_bus_message* m) {
    T value{};
    read(m, value);
    return value;
}

Value readContents(sd_bus_message* m, std::string_view type) {
    if (type == "b") return readOne<bool>(m);
    if (type == "i") return readOne<std::int32_t>(m);
    if (type == "u") return readOne<std::uint32_t>(m);
    if (type == "t") return readOne<std::uint64_t>(m);
    if (type == "s") return readOne<std::string>(m);
    if (type == "as") return readOne<std::vector<std::string>>(m);
    if (type == "x") {
        std::int64_t number = 0;
        readBasic(m, 'x', &number);
        return number;
    }
    if (type == "au") return readOne<std::vector<std::uint32_t>>(m);
    if (type == "ay") {
        std::vector<std::uint8_t> bytes;
        readNumbers(m, 'y', bytes);
        return bytes;
    }
    if (type == "ah") return readOne<BorrowedFds>(m);
    if (type == "a(st)") {
        std::vector<std::pair<std::string, std::uint64_t>> pairs;
        readPairs(m, "(st)", 'r', pairs);
        return pairs;
    }
    if (type == "a(ss)" || type == "a{ss}") {
        std::vector<std::pair<std::string, std::string>> pairs;
        readPairs(m, type == "a(ss)" ? "(ss)" : "{ss}", type == "a(ss)" ? 'r' : 'e', pairs);
        return pairs;
    }
    check(sd_bus_message_skip(m, std::string(type).c_str()), kRead);
    return Unreadable{std::string(type)};
}

/// How many bytes a caller has put into a value, wherever in it.
std::size_t bytesIn(const std::string& text) {
    return text.size();
}
template <class T>
std::size_t bytesIn(const T&) {
    return sizeof(T);
}
template <class Second>
std::size_t bytesIn(const std::pair<std::string, Second>& pair) {
    return pair.first.size() + bytesIn(pair.second);
}
template <class T>
std::size_t bytesIn(const std::vector<T>& items) {
    std::size_t bytes = 0;
    for (const T& item : items)
        bytes += bytesIn(item);
    return bytes;
}

std::size_t bytesOf(const Property& property) {
    return property.name.size() + std::visit([](const auto& value) { return bytesIn(value); }, property.value);
}

void readProperties(sd_bus_message* m, char container, Properties& properties) {
    std::size_t bytes = 0;
    enter(m, 'a', container == 'r' ? "(sv)" : "{sv}");
    while (enter(m, container, "sv")) {
        Property property;
        read(m, property.name);
        read(m, property.value);
        leave(m);
        bytes += bytesOf(property);
        if (properties.size() == kMaxProperties || bytes > kMaxPropertyBytes)
            throw Error(ErrorCode::LimitsExceeded, "the property list is longer than " +
                                                       std::to_string(kMaxProperties) + " entries or " +
                                                       std::to_string(kMaxPropertyBytes) + " bytes");
        properties.push_back(std::move(property));
    }
    leave(m);
}

void appendProperties(sd_bus_message* m, char container, const Properties& properties) {
    open(m, 'a', container == 'r' ? "(sv)" : "{sv}");
    for (const Property& property : properties) {
        open(m, container, "sv");
        append(m, property.name);
        append(m, property.value);
        close(m);
    }
    close(m);
}

template <class Pairs>
void appendPairs(sd_bus_message* m, const char* item, const Pairs& pairs) {
    const std::string contents(item + 1, std::strlen(item) - 2);
    open(m, 'a', item);
    for (const typename Pairs::value_type& pair : pairs) {
        open(m, 'r', contents.c_str());
        append(m, pair.first);
        append(m, pair.second);
        close(m);
    }
    close(m);
}

} // namespace

void append(sd_bus_message* m, bool value) {
    const int number = value;
    appendBasic(m, 'b', &number);
}
void append(sd_bus_message* m, std::int32_t value) {
    appendBasic(m, 'i', &value);
}
void append(sd_bus_message* m, std::uint32_t value) {
    appendBasic(m, 'u', &value);
}
void append(sd_bus_message* m, std::uint64_t value) {
    appendBasic(m, 't', &value);
}
void append(sd_bus_message* m, const char* value) {
    appendBasic(m, 's', value);
}
void append(sd_bus_message* m, const std::string& value) {
    appendBasic(m, 's', value.c_str());
}
void append(sd_bus_message* m, const ObjectPath& value) {
    appendBasic(m, 'o', value.path.c_str());
}
void append(sd_bus_message* m, const std::vector<std::string>& value) {
    open(m, 'a', "s");
    for (const std::string& item : value)
        append(m, item);
    close(m);
}
void append(sd_bus_message* m, const std::vector<std::uint32_t>& value) {
    check(sd_bus_message_append_array(m, 'u', value.data(), value.size() * sizeof(std::uint32_t)), kAppend);
}
void append(sd_bus_message* m, const BorrowedFds& value) {
    open(m, 'a', "h");
    for (int fd : value.fds)
        appendBasic(m, 'h', &fd);
    close(m);
}

void append(sd_bus_message* m, const Value& value) {
    const char* signature = signatureOf(value);
    if (!signature) throw Error(ErrorCode::InvalidArgument, "a value of unknown type cannot be sent");
    open(m, 'v', signature);
    std::visit(Overloaded{
                   [&](bool v) { append(m, v); },
                   [&](std::int32_t v) { append(m, v); },
                   [&](std::uint32_t v) { append(m, v); },
                   [&](std::int64_t v) { appendBasic(m, 'x', &v); },
                   [&](std::uint64_t v) { append(m, v); },
                   [&](const std::string& v) { append(m, v); },
                   [&](const std::vector<std::uint32_t>& v) { append(m, v); },
                   [&](const std::vector<std::string>& v) { append(m, v); },
                   [&](const std::vector<std::uint8_t>& v) {
                       check(sd_bus_message_append_array(m, 'y', v.data(), v.size()), kAppend);
                   },
                   [&](const BorrowedFds& v) { append(m, v); },
                   [&](const std::vector<std::pair<std::string, std::uint64_t>>& v) { appendPairs(m, "(st)", v); },
                   [&](const std::vector<std::pair<std::string, std::string>>& v) { appendPairs(m, "(ss)", v); },
                   [](const Unreadable&) {},
               },
               value);
    close(m);
}

void append(sd_bus_message* m, const Properties& value) {
    appendProperties(m, 'r', value);
}
void appendDictionary(sd_bus_message* m, const Properties& value) {
    appendProperties(m, 'e', value);
}

void read(sd_bus_message* m, bool& value) {
    int number = 0;
    readBasic(m, 'b', &number);
    value = number != 0;
}
void read(sd_bus_message* m, std::int32_t& value) {
    readBasic(m, 'i', &value);
}
void read(sd_bus_message* m, std::uint32_t& value) {
    readBasic(m, 'u', &value);
}
void read(sd_bus_message* m, std::uint64_t& value) {
    readBasic(m, 't', &value);
}
void read(sd_bus_message* m, std::string& value) {
    const char* text = "";
    readBasic(m, 's', &text);
    value = text;
}
void read(sd_bus_message* m, ObjectPath& value) {
    const char* text = "";
    readBasic(m, 'o', &text);
    value.path = text;
}
void read(sd_bus_message* m, std::vector<std::string>& value) {
    enter(m, 'a', "s");
    const char* text = nullptr;
    while (readBasic(m, 's', &text))
        value.emplace_back(text);
    leave(m);
}
void read(sd_bus_message* m, std::vector<std::uint32_t>& value) {
    readNumbers(m, 'u', value);
}
void read(sd_bus_message* m, BorrowedFds& value) {
    enter(m, 'a', "h");
    int fd = -1;
    while (readBasic(m, 'h', &fd))
        value.fds.push_back(fd);
    leave(m);
}
void read(sd_bus_message* m, Value& value) {
    const char* contents = nullptr;
    check(sd_bus_message_peek_type(m, nullptr, &contents), kRead);
    const std::string type = contents ? contents : "";
    enter(m, 'v', type.c_str());
    value = readContents(m, type);
    leave(m);
}
void read(sd_bus_message* m, Properties& value) {
    readProperties(m, 'r', value);
}
void readDictionary(sd_bus_message* m, Properties& value) {
    readProperties(m, 'e', value);
}

std::size_t bytesIn(const Properties& properties) {
    std::size_t bytes = 0;
    for (const Property& property : properties)
        bytes += bytesOf(property);
    return bytes;
}

} // namespace scopewright::bus
