// SPDX-License-Identifier: LGPL-2.1-or-later
// Thousands of calls with something wrong in each: every one gets an error of the contract, and nothing changes.
#include "attacks/bad_values.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <set>

using namespace scopewright;
using namespace scopewright::unit;

namespace {

constexpr std::size_t kCalls = 6000;
constexpr const char* kWeb = "/org/scopewright1/sandbox/web";

unsigned seed() {
    const char* given = std::getenv("SCOPEWRIGHT_INPUTS_SEED");
    return given ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : std::random_device{}();
}

std::set<std::string> contract() {
    std::set<std::string> names;
    for (std::size_t code = 0; code < kErrorCodes; ++code)
        names.emplace(dbusName(static_cast<ErrorCode>(code)));
    // What D-Bus says itself of what there is not.
    for (const char* name : {"UnknownMethod", "UnknownInterface", "UnknownObject"})
        names.insert(fd(name));
    return names;
}

/// Objects that there are not, and other spellings of one that there is.
const std::vector<std::string> kNowhere{"/",
                                        "/org/scopewright1/sandbox",
                                        "/org/scopewright1/sandbox/nothing",
                                        "/org/scopewright1/sandbox/_2e_2e",
                                        "/org/scopewright1/sandbox/_77eb",
                                        "/org/scopewright1/sandbox/_30_3aweb",
                                        "/org/scopewright1/sandbox/_31001_3aweb",
                                        "/org/scopewright1/sandbox/web/group",
                                        "/org/scopewright1/sandbox/web/group/nothing",
                                        "/org/scopewright1/sandbox/web/group/_2e_2e"};

class Attack {
public:
    explicit Attack(unsigned seed) : dice_(seed), values_(bench_, dice_), before_(look()) {}

    /// One call; `offers` are its arguments.
    void call(const Method& method, const std::string& path, const std::vector<Offer>& offers) {
        bus::Message message = bus::methodCall(bench_.peer(), "org.scopewright1", path.c_str(),
                                               method.interface.c_str(), method.name.c_str());
        std::string told = method.name + " " + path;
        for (const Offer& each : offers) {
            each.append(message.raw());
            told += " " + each.text;
        }
        static const std::vector<const char*> kSenders{Bench::kRoot, Bench::kRoot, Bench::kAlice, Bench::kStranger};
        judge(told, bench_.answer(bench_.send(kSenders[dice_() % kSenders.size()], message)));
        if (++calls % 300 == 0) compare(told);
    }

    void judge(const std::string& told, const Pending& answer) {
        const auto isPrintable = [](unsigned char c) { return c >= 0x20 && c < 0x7f; };
        if (!contract_.contains(answer->error))
            complain(told + ": error '" + answer->error + "'");
        else if (answer->text.size() <= 10 || answer->text.size() > 260 ||
                 !std::ranges::all_of(answer->text, isPrintable))
            complain(told + ": text '" + printable(answer->text) + "'");
        seen.insert(answer->error);
    }

    /// The same with whatever is wrong being one argument, and then with several.
    void attackArguments(const Method& method) {
        std::vector<std::vector<Offer>> bad;
        for (const Argument& argument : method.arguments)
            bad.push_back(values_.bad(method, argument));
        const auto goodOnes = [&] {
            std::vector<Offer> offers;
            for (const Argument& argument : method.arguments)
                offers.push_back(values_.good(method, argument));
            return offers;
        };
        for (std::size_t which = 0; which < bad.size(); ++which) {
            for (const Offer& one : bad[which]) {
                std::vector<Offer> offers = goodOnes();
                offers[which] = one;
                call(method, objectOf(method), offers);
                const std::size_t other = dice_() % bad.size();
                offers[other] = bad[other][dice_() % bad[other].size()];
                call(method, objectOf(method), offers);
            }
        }
    }

    /// Fewer, more and other arguments than the method has, and objects that it is not of.
    void attackForm(const Method& method) {
        std::vector<Offer> offers;
        for (const Argument& argument : method.arguments)
            offers.push_back(values_.good(method, argument));
        for (std::size_t count = 0; count < offers.size(); ++count)
            call(method, objectOf(method), {offers.begin(), offers.begin() + static_cast<std::ptrdiff_t>(count)});
        std::vector<Offer> more = offers;
        more.push_back({"and more", [](sd_bus_message* m) { bus::append(m, "more"); }});
        call(method, objectOf(method), more);
        for (std::size_t which = 0; which < offers.size(); ++which) {
            std::vector<Offer> other = offers;
            other[which] = {"a byte", [](sd_bus_message* m) {
                                const std::uint8_t byte = 1;
                                bus::check(sd_bus_message_append_basic(m, 'y', &byte), "append");
                            }};
            call(method, objectOf(method), other);
        }
        for (const std::string& path : kNowhere)
            call(method, path, offers);
    }

    static std::string objectOf(const Method& method) {
        if (method.interface == Bench::kManager) return Bench::kManagerPath;
        return method.interface == Bench::kSandbox ? kWeb : std::string(kWeb) + "/group/c";
    }

    /// After all that the good values must be good, or the rest has shown nothing. What ends something comes last.
    void useGoodValues(const std::vector<Method>& methods) {
        const auto ends = [](const Method& m) { return m.name.starts_with("Stop") || m.name.starts_with("Remove"); };
        for (const Method& method : methods) {
            if (ends(method)) continue;
            bus::Message message = bus::methodCall(bench_.peer(), "org.scopewright1", objectOf(method).c_str(),
                                                   method.interface.c_str(), method.name.c_str());
            for (const Argument& argument : method.arguments)
                values_.good(method, argument).append(message.raw());
            Pending answer = bench_.answer(bench_.send(Bench::kRoot, message));
            CAPTURE(method.name, answer->text);
            CHECK(answer->error == "");
        }
    }

    void compare(const std::string& told) {
        bench_.settle();
        if (const World now = look(); now != before_) {
            complain("something is different after " + told);
            before_ = now;
        }
    }

    std::size_t calls = 0;
    std::set<std::string> seen;
    Lines complaints;

private:
    struct World {
        Bench::Snapshot snapshot;
        std::string json;
        std::size_t asked = 0;
        std::size_t told = 0;

        bool operator==(const World&) const = default;
    };

    /// Also how often PID 1 was asked to do something, and clients were told of something.
    World look() {
        std::size_t asked = 0;
        for (const std::string& line : bench_.systemd.log())
            for (const char* verb : {"StartTransientUnit", "StopUnit", "KillUnit", "SetUnitProperties", "ResetFailed"})
                asked += line.starts_with(verb);
        return {bench_.snapshot(), bench_.describe(), asked, bench_.signals().size()};
    }

    void complain(const std::string& what) {
        if (complaints.size() < 20) complaints.push_back(what);
    }

    Bench bench_;
    std::mt19937 dice_;
    BadValues values_;
    World before_;
    const std::set<std::string> contract_ = contract();
};

} // namespace

TEST_CASE("whatever is wrong in a call, the answer is an error of the contract and nothing changes",
          "[attack-1][attack-9][attack-13][attack-18][attack-23][attack-61]") {
    NEEDS_CGROUPS();
    const unsigned chosen = seed();
    std::cout << "bad inputs: SCOPEWRIGHT_INPUTS_SEED=" << chosen << std::endl;
    CAPTURE(chosen);
    const std::vector<Method> methods = allMethods();
    Attack attack(chosen);
    while (attack.calls < kCalls)
        for (const Method& method : methods) {
            attack.attackArguments(method);
            attack.attackForm(method);
        }
    attack.compare("all");
    CHECK(attack.complaints == Lines());
    CHECK(attack.seen.size() >= 10);
    attack.useGoodValues(methods);
}
