// SPDX-License-Identifier: LGPL-2.1-or-later
// A message's body, byte by byte as it comes from the socket: a signature in the first line, then the body, which need
// not be one. sd-bus checks a body only where somebody reads it, so every reader gets it as it is.
#include "fuzz.h"
#include "limits/text.h"
#include "link.h"

#include <sys/socket.h>

#include <cstring>

namespace scopewright::fuzz {

namespace {

/// The D-Bus wire format, as far as a header without an interface needs it.
class Wire {
public:
    void number(std::uint32_t value) {
        pad(4);
        bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    void field(char code, char type, std::string_view text) {
        pad(8);
        bytes_ += {code, '\1', type, '\0'};
        if (type == 'g')
            bytes_ += static_cast<char>(text.size());
        else
            number(static_cast<std::uint32_t>(text.size()));
        bytes_ += text;
        bytes_ += '\0';
    }
    void raw(std::string_view text) { bytes_ += text; }
    void pad(std::size_t to) { bytes_.append((to - bytes_.size() % to) % to, '\0'); }
    void put(std::size_t at, std::uint32_t value) { std::memcpy(&bytes_[at], &value, sizeof value); }
    std::size_t size() const { return bytes_.size(); }
    const std::string& bytes() const { return bytes_; }

private:
    std::string bytes_;
};

std::string callWith(std::string_view signature, std::string_view body) {
    constexpr std::size_t kFields = 16;
    Wire wire;
    wire.raw(std::string_view("l\1\1\1", 4)); // little endian, a call, without answer, version 1
    wire.number(static_cast<std::uint32_t>(body.size()));
    wire.number(1);
    wire.number(0);
    wire.field(1, 'o', "/x");
    wire.field(3, 's', "X");
    wire.field(8, 'g', signature);
    wire.put(kFields - sizeof(std::uint32_t), static_cast<std::uint32_t>(wire.size() - kFields));
    wire.pad(8);
    wire.raw(body);
    return wire.bytes();
}

/// A connection whose daemon's end keeps the message before the last one.
class Ends : public fake::Link {
public:
    Ends() { listen(); }

    /// Nothing if sd-bus did not take it for a message: it drops those, or closes the connection.
    bus::Message receive(const std::string& call) {
        const std::string bytes = call + callWith("", "");
        received_.clear();
        std::size_t sent = 0;
        const auto arrived = [&] {
            const ssize_t count =
                ::send(sd_bus_get_fd(peer()), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
            if (count > 0) sent += static_cast<std::size_t>(count);
            const bool last = !received_.empty() && *sd_bus_message_get_signature(received_.back().raw(), 1) == '\0';
            return (sent == bytes.size() && last) || sd_bus_is_open(connection().raw()) <= 0;
        };
        if (!until(arrived)) fail("a message that does not arrive", bytes);
        if (sd_bus_is_open(connection().raw()) <= 0) {
            slot_.reset();
            disconnect();
            connect();
            listen();
        }
        return received_.empty() ? bus::Message() : received_.front();
    }

private:
    void listen() {
        sd_bus_slot* slot = nullptr;
        const auto keep = [](sd_bus_message* message, void* userdata, sd_bus_error*) noexcept {
            static_cast<Ends*>(userdata)->received_.push_back(bus::Message::share(message));
            return 1;
        };
        bus::check(sd_bus_add_filter(connection().raw(), &slot, keep, this), "listen");
        slot_.reset(slot);
    }

    std::vector<bus::Message> received_;
    bus::Slot slot_;
};

template <class T>
struct Codec {
    static void read(sd_bus_message* m, T& value) { bus::read(m, value); }
    static void append(sd_bus_message* m, const T& value) { bus::append(m, value); }
};
struct Dictionary {
    Properties properties;
};
template <>
struct Codec<Dictionary> {
    static void read(sd_bus_message* m, Dictionary& value) { bus::readDictionary(m, value.properties); }
    static void append(sd_bus_message* m, const Dictionary& value) { bus::appendDictionary(m, value.properties); }
};

std::string shown(bool value) {
    return value ? "true" : "false";
}
std::string shown(const std::string& value) {
    return value;
}
std::string shown(const bus::ObjectPath& value) {
    return value.path;
}
std::string shown(const Value& value) {
    return std::to_string(value.index()) + " " + limits::valueText(value);
}
std::string shown(const Properties& properties) {
    std::string text;
    for (const Property& property : properties)
        text += property.name + " " + shown(property.value) + "\n";
    return text;
}
std::string shown(const Dictionary& value) {
    return shown(value.properties);
}
template <class T>
std::string shown(const T& value) {
    return limits::valueText(Value(value));
}

/// What can be read from one message can be put into another one, and read from that.
template <class T>
void readAs(sd_bus* bus, const bus::Message& message) {
    sd_bus_message_rewind(message.raw(), 1);
    T value{};
    if (!accepts([&] { Codec<T>::read(message.raw(), value); })) return;
    const std::string text = shown(value);
    bus::Message copy = bus::methodCall(bus, nullptr, "/x", "x.X", "X");
    // Types that nobody here knows cannot be sent on, nor descriptors that did not come.
    if (!accepts([&] { Codec<T>::append(copy.raw(), value); })) return;
    bus::check(sd_bus_message_seal(copy.raw(), 1, 0), "seal a message");
    T again{};
    expect(accepts([&] { Codec<T>::read(copy.raw(), again); }), "a value that cannot be read again", text);
    expect(shown(again) == text, "a value that is another one when it is sent on", text);
}

void run(std::string_view input) {
    static Ends ends;
    constexpr std::size_t kLongestSignature = 255;
    const std::string_view signature = takeLine(input);
    if (signature.size() > kLongestSignature) return;
    const bus::Message message = ends.receive(callWith(signature, input));
    if (!message.raw()) return;
    sd_bus* bus = ends.peer();
    readAs<bool>(bus, message);
    readAs<std::int32_t>(bus, message);
    readAs<std::uint32_t>(bus, message);
    readAs<std::uint64_t>(bus, message);
    readAs<std::string>(bus, message);
    readAs<bus::ObjectPath>(bus, message);
    readAs<std::vector<std::string>>(bus, message);
    readAs<std::vector<std::uint32_t>>(bus, message);
    readAs<BorrowedFds>(bus, message);
    readAs<Value>(bus, message);
    readAs<Properties>(bus, message);
    readAs<Dictionary>(bus, message);
    sd_bus_message_rewind(message.raw(), 1);
    accepts([&] { bus::unpack<std::string, Properties, std::uint64_t>(message); });
    sd_bus_message_rewind(message.raw(), 1);
    accepts([&] { bus::unpack<std::string, std::string, Properties, std::uint64_t>(message); });
}

const Registration kTarget("codec", run);

} // namespace

} // namespace scopewright::fuzz
