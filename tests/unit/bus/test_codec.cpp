// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bus/codec.h"

#include "catch.h"
#include "echo.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <limits>

using namespace scopewright;
using scopewright::fake::Link;
using scopewright::unit::Echo;

namespace {

/// As a client sends it and the daemon reads it.
Value roundTrip(const Value& value) {
    Link link;
    Echo echo(link);
    bus::Message answer = echo.send(value);
    Value back;
    bus::read(answer.raw(), back);
    return back;
}

/// A call whose arguments are appended by hand, for what append() would never make.
template <class... Args>
bus::Message sendRaw(Link& link, Echo& echo, const char* types, Args... args) {
    bus::Message request = echo.request();
    bus::check(sd_bus_message_append(request.raw(), types, args...), "append");
    return link.await(link.connection().call(request, Link::kPatience));
}

template <class T>
void comesBack(const T& value) {
    const Value back = roundTrip(Value(value));
    REQUIRE(std::holds_alternative<T>(back));
    CHECK(std::get<T>(back) == value);
}

Properties many(std::size_t entries, std::size_t bytesEach) {
    Properties properties;
    for (std::size_t i = 0; i < entries; ++i)
        properties.push_back(Property{"k" + std::to_string(i), std::string(bytesEach, 'x')});
    return properties;
}

} // namespace

TEST_CASE("every type of value comes back as it was sent") {
    using Numbers = std::vector<std::pair<std::string, std::uint64_t>>;
    using Texts = std::vector<std::pair<std::string, std::string>>;
    SECTION("booleans") {
        comesBack(true);
        comesBack(false);
    }
    SECTION("numbers at their ends") {
        comesBack(std::numeric_limits<std::int32_t>::min());
        comesBack(std::numeric_limits<std::uint32_t>::max());
        comesBack(std::numeric_limits<std::int64_t>::min());
        comesBack(std::numeric_limits<std::int64_t>::max());
        comesBack(std::numeric_limits<std::uint64_t>::max());
    }
    SECTION("texts") {
        comesBack(std::string());
        comesBack(std::string("x.scope"));
        comesBack(std::string("\xc3\xa9 \n\t"));
    }
    SECTION("lists") {
        comesBack(std::vector<std::uint32_t>{});
        comesBack(std::vector<std::uint32_t>{0, 1, 4294967295U});
        comesBack(std::vector<std::string>{});
        comesBack(std::vector<std::string>{"", "a", "b c"});
        comesBack(std::vector<std::uint8_t>{});
        comesBack(std::vector<std::uint8_t>{0, 1, 0, 255});
    }
    SECTION("lists of pairs") {
        comesBack(Numbers{});
        comesBack(Numbers{{"/dev/sda", 18446744073709551615U}, {"", 0}});
        comesBack(Texts{});
        comesBack(Texts{{"char-pts", "rwm"}, {"", ""}});
    }
}

TEST_CASE("descriptors come back as descriptors of the same file") {
    Link link;
    Echo echo(link);
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    bus::Message answer = echo.send(Value(BorrowedFds{{ends[0], ends[1], ends[0]}}));
    Value back;
    bus::read(answer.raw(), back);
    REQUIRE(std::holds_alternative<BorrowedFds>(back));
    const std::vector<int>& fds = std::get<BorrowedFds>(back).fds;
    REQUIRE(fds.size() == 3);
    struct stat sent {};
    struct stat got {};
    CHECK(::fstat(ends[1], &sent) == 0);
    CHECK(::fstat(fds[1], &got) == 0);
    CHECK(sent.st_ino == got.st_ino);
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST_CASE("a dictionary of texts reads as a list of pairs") {
    Link link;
    Echo echo(link);
    bus::Message answer = sendRaw(link, echo, "v", "a{ss}", 2, "memory.max", "max", "cpu.weight", "20");
    Value back;
    bus::read(answer.raw(), back);
    using Texts = std::vector<std::pair<std::string, std::string>>;
    REQUIRE(std::holds_alternative<Texts>(back));
    CHECK(std::get<Texts>(back) == Texts{{"memory.max", "max"}, {"cpu.weight", "20"}});
}

TEST_CASE("a variant of a type that nobody reads keeps its type, and what follows is still read") {
    Link link;
    Echo echo(link);
    const auto check = [&](bus::Message answer, const std::string& signature) {
        CAPTURE(signature);
        const auto [value, after] = bus::unpack<Value, std::string>(answer);
        REQUIRE(std::holds_alternative<Unreadable>(value));
        CHECK(std::get<Unreadable>(value).signature == signature);
        CHECK(after == "after");
    };
    check(sendRaw(link, echo, "vs", "d", 1.5, "after"), "d");
    check(sendRaw(link, echo, "vs", "y", 1, "after"), "y");
    check(sendRaw(link, echo, "vs", "n", 1, "after"), "n");
    check(sendRaw(link, echo, "vs", "q", 1, "after"), "q");
    check(sendRaw(link, echo, "vs", "o", "/a", "after"), "o");
    check(sendRaw(link, echo, "vs", "g", "as", "after"), "g");
    check(sendRaw(link, echo, "vs", "v", "s", "x", "after"), "v");
    check(sendRaw(link, echo, "vs", "ax", 0, "after"), "ax");
    check(sendRaw(link, echo, "vs", "a{sv}", 1, "k", "s", "x", "after"), "a{sv}");
    check(sendRaw(link, echo, "vs", "(su)", "x", 1U, "after"), "(su)");
    check(sendRaw(link, echo, "vs", "aas", 1, 1, "x", "after"), "aas");
}

TEST_CASE("a value that could not be read cannot be sent") {
    Link link;
    Echo echo(link);
    bus::Message request = echo.request();
    const Value unreadable = Unreadable{"d"};
    REQUIRE_CODE(bus::append(request.raw(), unreadable), InvalidArgument);
}

TEST_CASE("plain arguments of every type come back in their order") {
    Link link;
    Echo echo(link);
    bus::Message answer = echo.send(true, std::int32_t(-7), std::uint32_t(7), std::uint64_t(1) << 63U, "text",
                                    std::string("more"), bus::ObjectPath{"/a/b"}, std::vector<std::string>{"x", ""});
    CHECK(std::string(sd_bus_message_get_signature(answer.raw(), 1)) == "biutssoas");
    const auto [b, i, u, t, s, s2, o, as] = bus::unpack<bool, std::int32_t, std::uint32_t, std::uint64_t, std::string,
                                                        std::string, bus::ObjectPath, std::vector<std::string>>(answer);
    CHECK(b);
    CHECK(i == -7);
    CHECK(u == 7);
    CHECK(t == std::uint64_t(1) << 63U);
    CHECK(s == "text");
    CHECK(s2 == "more");
    CHECK(o.path == "/a/b");
    CHECK(as == std::vector<std::string>{"x", ""});
}

TEST_CASE("a list of properties keeps its order and its duplicates") {
    Link link;
    Echo echo(link);
    Properties properties;
    properties.push_back(Property{"b", std::uint64_t(1)});
    properties.push_back(Property{"a", std::string("x")});
    properties.push_back(Property{"b", std::vector<std::uint32_t>{1, 2}});
    bus::Message answer = echo.send(properties, "after");
    CHECK(std::string(sd_bus_message_get_signature(answer.raw(), 1)) == "a(sv)s");
    const auto [back, after] = bus::unpack<Properties, std::string>(answer);
    REQUIRE(back.size() == 3);
    CHECK(back[0].name == "b");
    CHECK(std::get<std::uint64_t>(back[0].value) == 1);
    CHECK(back[1].name == "a");
    CHECK(back[2].name == "b");
    CHECK(after == "after");
}

TEST_CASE("a dictionary of properties has its own signature") {
    Link link;
    Echo echo(link);
    bus::Message request = echo.request();
    Properties properties;
    properties.push_back(Property{"k", std::string("v")});
    bus::appendDictionary(request.raw(), properties);
    bus::Message answer = link.await(link.connection().call(request, Link::kPatience));
    CHECK(std::string(sd_bus_message_get_signature(answer.raw(), 1)) == "a{sv}");
    Properties back;
    bus::readDictionary(answer.raw(), back);
    REQUIRE(back.size() == 1);
    CHECK(back[0].name == "k");
    CHECK(std::get<std::string>(back[0].value) == "v");
}

TEST_CASE("sixty-four properties are read, one more is too many", "[attack-50]") {
    Link link;
    Echo echo(link);
    Properties back;
    bus::Message good = echo.send(many(bus::kMaxProperties, 1));
    bus::read(good.raw(), back);
    CHECK(back.size() == 64);
    bus::Message bad = echo.send(many(bus::kMaxProperties + 1, 1));
    Properties tooMany;
    REQUIRE_CODE(bus::read(bad.raw(), tooMany), LimitsExceeded);
}

TEST_CASE("64 KiB of property text are read, more is too much", "[attack-50]") {
    Link link;
    Echo echo(link);
    Properties back;
    bus::Message good = echo.send(many(2, bus::kMaxPropertyBytes / 2 - 2));
    bus::read(good.raw(), back);
    CHECK(back.size() == 2);
    for (const std::size_t entries : {1U, 2U, 60U}) {
        CAPTURE(entries);
        bus::Message bad = echo.send(many(entries, bus::kMaxPropertyBytes / entries + 1));
        Properties tooMuch;
        CHECK_CODE(bus::read(bad.raw(), tooMuch), LimitsExceeded);
    }
}

TEST_CASE("lists inside a property count against its 64 KiB as texts do", "[attack-50]") {
    Link link;
    Echo echo(link);
    const std::string kilobyte(1024, 'x');
    using Texts = std::vector<std::pair<std::string, std::string>>;
    for (const Value& value : {Value(std::vector<std::string>(70, kilobyte)), Value(Texts(40, {kilobyte, kilobyte}))}) {
        Properties properties;
        properties.push_back(Property{"k", value});
        bus::Message answer = echo.send(properties);
        Properties back;
        CHECK_CODE(bus::read(answer.raw(), back), LimitsExceeded);
    }
}

TEST_CASE("reading past the end, or the wrong type, is an error and no crash") {
    Link link;
    Echo echo(link);
    bus::Message answer = echo.send("text");
    bool boolean = false;
    CHECK(!unit::errorOf([&] { bus::read(answer.raw(), boolean); }).empty());
    std::string text;
    bus::read(answer.raw(), text);
    CHECK(text == "text");
    Value value;
    CHECK(!unit::errorOf([&] { bus::read(answer.raw(), value); }).empty());
    std::string past = "kept";
    CHECK(!unit::errorOf([&] { bus::read(answer.raw(), past); }).empty());
}

TEST_CASE("a list of numbers that ends within a number is refused") {
    // A call with seven bytes in its "au", which sd-bus would not send, but receives without a look into it.
    constexpr std::string_view kHeader("l\1\1\1\x0b\0\0\0\1\0\0\0\x28\0\0\0"
                                       "\1\1o\0\2\0\0\0/x\0\0\0\0\0\0"
                                       "\3\1s\0\1\0\0\0X\0\0\0\0\0\0\0"
                                       "\x08\1g\0\2au\0",
                                       56);
    constexpr std::string_view kBody("\7\0\0\0abcdefg", 11);
    Link link;
    bus::Message received;
    const auto keep = [](sd_bus_message* message, void* userdata, sd_bus_error*) noexcept {
        *static_cast<bus::Message*>(userdata) = bus::Message::share(message);
        return 1;
    };
    sd_bus_slot* slot = nullptr;
    bus::check(sd_bus_add_filter(link.connection().raw(), &slot, keep, &received), "listen");
    const bus::Slot owned(slot);
    const std::string bytes = std::string(kHeader) + std::string(kBody);
    REQUIRE(::write(sd_bus_get_fd(link.peer()), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    REQUIRE(link.until([&] { return received.raw() != nullptr; }));
    std::vector<std::uint32_t> numbers;
    CHECK_CODE(bus::read(received.raw(), numbers), Io);
    CHECK(numbers.empty());
}
