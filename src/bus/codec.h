// SPDX-License-Identifier: LGPL-2.1-or-later
// C++ values to and from messages: one overload pair per type.
#pragma once

#include "base/value.h"
#include "bus/bus.h"

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

namespace scopewright::bus {

struct ObjectPath {
    ObjectPath() = default;
    explicit ObjectPath(std::string text) : path(std::move(text)) {}

    std::string path;
};

void append(sd_bus_message* message, bool value);
void append(sd_bus_message* message, std::int32_t value);
void append(sd_bus_message* message, std::uint32_t value);
void append(sd_bus_message* message, std::uint64_t value);
void append(sd_bus_message* message, const char* value);
void append(sd_bus_message* message, const std::string& value);
void append(sd_bus_message* message, const ObjectPath& value);
void append(sd_bus_message* message, const std::vector<std::string>& value);
void append(sd_bus_message* message, const std::vector<std::uint32_t>& value);
void append(sd_bus_message* message, const BorrowedFds& value);
void append(sd_bus_message* message, const Value& value);                ///< as a variant
void append(sd_bus_message* message, const Properties& value);           ///< as a(sv)
void appendDictionary(sd_bus_message* message, const Properties& value); ///< as a{sv}

void read(sd_bus_message* message, bool& value);
void read(sd_bus_message* message, std::int32_t& value);
void read(sd_bus_message* message, std::uint32_t& value);
void read(sd_bus_message* message, std::uint64_t& value);
void read(sd_bus_message* message, std::string& value);
void read(sd_bus_message* message, ObjectPath& value);
void read(sd_bus_message* message, std::vector<std::string>& value);
void read(sd_bus_message* message, std::vector<std::uint32_t>& value);
void read(sd_bus_message* message, BorrowedFds& value);
void read(sd_bus_message* message, Value& value);                ///< from a variant
void read(sd_bus_message* message, Properties& value);           ///< from a(sv)
void readDictionary(sd_bus_message* message, Properties& value); ///< from a{sv}

/// The largest number of entries and of string bytes one property list may have; more is LimitsExceeded.
inline constexpr std::size_t kMaxProperties = 64;
inline constexpr std::size_t kMaxPropertyBytes = 64 * 1024;

/// How many bytes names and values have, as that counts.
std::size_t bytesIn(const Properties& properties);

template <class... Args>
Message methodCall(sd_bus* bus, const char* destination, const char* path, const char* interface, const char* member,
                   const Args&... args) {
    sd_bus_message* raw = nullptr;
    check(sd_bus_message_new_method_call(bus, &raw, destination, path, interface, member), "create a method call");
    Message message = Message::adopt(raw);
    (append(raw, args), ...);
    return message;
}

template <class... Args>
Message methodReturn(const Message& call, const Args&... args) {
    sd_bus_message* raw = nullptr;
    check(sd_bus_message_new_method_return(call.raw(), &raw), "create a reply");
    Message message = Message::adopt(raw);
    (append(raw, args), ...);
    return message;
}

/// The next arguments of a message, in order.
template <class... Args>
std::tuple<Args...> unpack(const Message& message) {
    std::tuple<Args...> values;
    std::apply([&](Args&... value) { (read(message.raw(), value), ...); }, values);
    return values;
}

} // namespace scopewright::bus
