// SPDX-License-Identifier: LGPL-2.1-or-later
// A client of the daemon, as a program of somebody else's would be: one connection, calls, answers, signals.
#pragma once

#include "bus/bus.h"
#include "bus/codec.h"

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace scopewright::integration {

/// A connection to PID 1's own socket, as systemctl has it when it is root.
bus::BusHandle connectToPid1();

inline constexpr const char* kManagerPath = "/org/scopewright1";
inline constexpr const char* kManager = "org.scopewright1.Manager";
inline constexpr const char* kSandbox = "org.scopewright1.Sandbox";
inline constexpr const char* kGroup = "org.scopewright1.Group";
inline constexpr const char* kProperties = "org.freedesktop.DBus.Properties";

struct Answer {
    bus::Message reply;
    std::string error; ///< its name on the bus; "" for success
    std::string text;  ///< its message

    bool ok() const { return error.empty(); }

    /// Throws, and so fails the test, unless the call succeeded.
    const Answer& must() const;

    template <class... Args>
    std::tuple<Args...> get() const {
        must();
        bus::check(sd_bus_message_rewind(reply.raw(), 1), "read an answer again");
        return bus::unpack<Args...>(reply);
    }
};

/// The a{sv} that an answer begins with, or a variant that holds one; however long it is.
Properties dictionaryIn(const Answer& answer);

class Client {
public:
    /// On the system bus, as root.
    Client() : Client(0) {}
    /// As the bus sees a process of that uid.
    explicit Client(uid_t uid);

    sd_bus* raw() const noexcept { return bus_.get(); }
    std::string name() const;

    template <class... Args>
    bus::Message request(const std::string& path, const char* interface, const char* member,
                         const Args&... args) const {
        return bus::methodCall(raw(), "org.scopewright1", path.c_str(), interface, member, args...);
    }

    /// Waits for the answer.
    Answer send(const bus::Message& request) const;

    template <class... Args>
    Answer call(const std::string& path, const char* interface, const char* member, const Args&... args) const {
        return send(request(path, interface, member, args...));
    }

    template <class... Args>
    Answer manager(const char* member, const Args&... args) const {
        return call(kManagerPath, kManager, member, args...);
    }

    /// All properties of an object.
    Properties properties(const std::string& path, const char* interface) const;

    /// A method of the bus itself.
    template <class... Args>
    Answer bus(const char* member, const Args&... args) const {
        return send(bus::methodCall(raw(), "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                    member, args...));
    }

    /// Who owns the daemon's name; "" if nobody does. Does not start it.
    std::string owner(const char* name = "org.scopewright1") const;

private:
    bus::BusHandle bus_;
};

/// A call whose answer is not waited for yet.
class Pending {
public:
    Pending(const Client& client, const bus::Message& request);
    Pending(Pending&&) = delete;

    bool over() const noexcept { return over_; }
    const Answer& wait();

private:
    static int onReply(sd_bus_message* message, void* userdata, sd_bus_error* error) noexcept;

    const Client& client_;
    bus::Slot slot_;
    Answer answer_;
    bool over_ = false;
};

struct Signal {
    std::string path;
    std::string interface;
    std::string member;
    bus::Message message;

    /// Its arguments, from the first on.
    template <class... Args>
    std::tuple<Args...> get() const {
        bus::check(sd_bus_message_rewind(message.raw(), 1), "read a signal again");
        return bus::unpack<Args...>(message);
    }
};

/// Hears everything the daemon says from now on.
class Recorder {
public:
    explicit Recorder(const std::string& rule = "type='signal',path_namespace='/org/scopewright1'");
    Recorder(Recorder&&) = delete;

    using Filter = std::function<bool(const Signal&)>;

    /// Has there been such a signal, or will there be one?
    bool hears(const Filter& filter);
    bool hears(const std::string& path, const std::string& member);

    /// How many there are; what was sent before the call is counted.
    std::size_t count(const Filter& filter);

private:
    static int onSignal(sd_bus_message* message, void* userdata, sd_bus_error* error) noexcept;

    Client client_;
    bus::Slot slot_;
    std::deque<Signal> heard_;
};

/// The value of one of them, which must be there and of this type.
template <class T>
T valueOf(const Properties& properties, std::string_view name) {
    for (const Property& property : properties)
        if (property.name == name)
            if (const T* value = std::get_if<T>(&property.value)) return *value;
    throw std::runtime_error("there is no property " + std::string(name) + " of that type");
}

/// A property of an object that is itself a dictionary.
Properties valueOfDictionary(const Client& client, const std::string& path, const char* interface, const char* name);

/// A string, for names and texts.
std::string textOf(const Properties& properties, std::string_view name);

} // namespace scopewright::integration
