// SPDX-License-Identifier: LGPL-2.1-or-later
// The table of what which systemd takes, against the one that runs: each row is asked of PID 1 itself, without the
// daemon in between.
#include "limits/properties.h"

#include "catch.h"
#include "guest/guest.h"

#include <algorithm>
#include <functional>
#include <map>

using namespace scopewright::integration;
using scopewright::BorrowedFds;
using scopewright::Properties;
using scopewright::Property;
using scopewright::Value;
namespace limits = scopewright::limits;

namespace {

using Numbers = std::vector<std::pair<std::string, std::uint64_t>>;
using Texts = std::vector<std::pair<std::string, std::string>>;

/// What PID 1 says to a property that it does not know, or not at this time; and to a value that it does not take.
const char* const kNoProperty = "org.freedesktop.DBus.Error.PropertyReadOnly";
const char* const kNoValue = "org.freedesktop.DBus.Error.InvalidArgs";

/// A value that every systemd with this row takes. PID 1 does not look whether a device exists.
Value sample(const limits::PropertyRule& rule) {
    if (rule.key == "cpu.idle") return std::uint64_t{0};
    if (rule.property == "DevicePolicy") return std::string("auto");
    if (rule.property == "OOMPolicy") return std::string("kill");
    if (rule.signature == "a(st)") return Numbers{{"/dev/block/8:0", 4096}};
    if (rule.signature == "a(ss)") return Texts{{"/dev/null", "rw"}};
    if (rule.signature == "ay") return std::vector<std::uint8_t>{1};
    if (rule.signature == "b") return false;
    if (rule.signature == "t") return std::uint64_t{8192};
    throw std::runtime_error("no sample for the type of " + std::string(rule.key));
}

/// What later releases of an old version have got. The table counts from the version on that always had it, since an
/// unknown property is the end of the whole call.
struct Backport {
    std::string_view property;
    unsigned version;
};
constexpr Backport kBackports[] = {{"OOMPolicy", 252}};

bool isBackport(const limits::PropertyRule& rule, unsigned version) {
    return std::any_of(std::begin(kBackports), std::end(kBackports), [&](const Backport& one) {
        return one.property == rule.property && one.version == version && version < rule.since;
    });
}

std::string label(const limits::PropertyRule& rule) {
    return std::string(rule.key) + " as " + std::string(rule.property) + ", since " + std::to_string(rule.since);
}

/// A scope of PID 1's, with one process; each start takes the process along from the scope before.
class Scopes {
public:
    Answer start(const Properties& more) {
        Properties properties = more;
        properties.push_back({"PIDs", std::vector<std::uint32_t>{child_.number()}});
        return startExactly(properties);
    }

    Answer startExactly(const Properties& properties) {
        unit_ = "gating-" + std::to_string(++count_) + ".scope";
        return systemd_.tryStartScope(unit_, properties);
    }

    void startPlain(const Properties& more = {}) {
        start(more).must();
        awaitStart();
    }

    /// A start job that comes later than the next one's would take the process back.
    void awaitStart() const {
        REQUIRE(eventually([&] { return systemd_.state(unit_) == "active"; }));
    }

    Properties properties() const { return systemd_.properties(unit_); }
    Answer set(const Property& property) const { return systemd_.setProperties(unit_, {property}); }
    const std::string& unit() const { return unit_; }
    const Child& child() const { return child_; }
    const Pid1& systemd() const { return systemd_; }

private:
    Pid1 systemd_;
    Child child_;
    std::string unit_;
    int count_ = 0;
};

void checkAnswer(const Answer& answer, bool accepted) {
    CAPTURE(answer.error, answer.text);
    CHECK(answer.ok() == accepted);
    if (!answer.ok()) CHECK((answer.error == kNoProperty || answer.error == kNoValue));
}

/// Where the value is one that reads back as it was told.
void checkKept(const Properties& unit, const Property& property) {
    if (const auto* number = std::get_if<std::uint64_t>(&property.value))
        CHECK(valueOf<std::uint64_t>(unit, property.name) == *number);
    if (const auto* text = std::get_if<std::string>(&property.value)) CHECK(textOf(unit, property.name) == *text);
    if (const auto* flag = std::get_if<bool>(&property.value)) CHECK(valueOf<bool>(unit, property.name) == *flag);
}

bool takes(Scopes& scopes, const Property& property) {
    const bool before = scopes.start({property}).ok();
    if (before) scopes.awaitStart();
    scopes.startPlain();
    CHECK(scopes.set(property).ok() == before);
    return before;
}

/// For each feature of the table, whether the PID 1 that runs has it.
using Probe = std::function<bool(Scopes&)>;
const std::map<std::string_view, Probe> kProbes{
    {"AttachProcessesToUnit",
     [](Scopes& scopes) {
         const Child other;
         scopes.startPlain({{"Delegate", true}});
         const Answer answer = scopes.systemd().attach(scopes.unit(), other.pid());
         return answer.ok() && other.controlGroup() == scopes.systemd().controlGroup(scopes.unit());
     }},
    {"DelegateCpuset",
     [](Scopes& scopes) {
         scopes.startPlain({{"Delegate", true}});
         const Properties unit = scopes.properties();
         const auto all = valueOf<std::vector<std::string>>(unit, "DelegateControllers");
         return std::find(all.begin(), all.end(), "cpuset") != all.end();
     }},
    {"DeviceNumbers",
     [](Scopes& scopes) {
         return takes(scopes, {"DeviceAllow", Texts{{"/dev/char/4000:77", "rw"}}});
     }},
    {"FineQuota",
     [](Scopes& scopes) {
         const std::uint64_t quota = 1234500;
         scopes.startPlain({{"CPUQuotaPerSecUSec", quota}});
         CHECK(valueOf<std::uint64_t>(scopes.properties(), "CPUQuotaPerSecUSec") == quota);
         scopes.systemd().reload();
         return valueOf<std::uint64_t>(scopes.properties(), "CPUQuotaPerSecUSec") == quota;
     }},
    {"FreezeUnit",
     [](Scopes& scopes) {
         scopes.startPlain();
         const Answer answer = scopes.systemd().freeze(scopes.unit());
         if (answer.ok()) scopes.systemd().thaw(scopes.unit()).must();
         return answer.ok();
     }},
    {"MemoryLowZero",
     [](Scopes& scopes) {
         return takes(scopes, {"MemoryLow", std::uint64_t{0}}) && takes(scopes, {"MemoryMin", std::uint64_t{0}});
     }},
    {"PIDFDs",
     [](Scopes& scopes) {
         const Answer answer = scopes.startExactly({{"PIDFDs", BorrowedFds{{scopes.child().pidfd()}}}});
         if (!answer.ok()) CHECK(answer.error == kNoProperty);
         return answer.ok() && eventually([&] { return scopes.systemd().state(scopes.unit()) == "active"; });
     }},
    {"SwapZero",
     [](Scopes& scopes) {
         return takes(scopes, {"MemorySwapMax", std::uint64_t{0}});
     }},
    {"TasksMaxKept",
     [](Scopes& scopes) {
         scopes.startPlain({{"TasksMax", std::uint64_t{77}}});
         scopes.systemd().reload();
         return valueOf<std::uint64_t>(scopes.properties(), "TasksMax") == 77;
     }},
};

/// Only a kernel with BFQ shows these, and in that of the guests it is a module, which they have not.
constexpr std::string_view kUnseen[] = {"BFQFormula", "BFQPerDevice", "BFQRaw", "BFQTenth"};

} // namespace

TEST_CASE("PID 1 takes each property of the table at a scope's start from the version on that the table says",
          "[gating][fault-64][machine]") {
    Guest guest;
    const unsigned version = guest.systemd.version();
    Scopes scopes;
    for (const limits::PropertyRule& rule : limits::kProperties) {
        if (rule.property.empty()) continue;
        CAPTURE(label(rule), version);
        const Property property{std::string(rule.property), sample(rule)};
        const Answer answer = scopes.start({property});
        if (!isBackport(rule, version)) checkAnswer(answer, limits::available(rule, version));
        if (!answer.ok()) continue;
        scopes.awaitStart();
        checkKept(scopes.properties(), property);
    }
}

TEST_CASE("PID 1 takes each property of the table for a running scope just when the table says so",
          "[gating][machine]") {
    Guest guest;
    const unsigned version = guest.systemd.version();
    Scopes scopes;
    scopes.startPlain();
    for (const limits::PropertyRule& rule : limits::kProperties) {
        if (rule.property.empty()) continue;
        CAPTURE(label(rule), version);
        const Property property{std::string(rule.property), sample(rule)};
        const Answer answer = scopes.set(property);
        checkAnswer(answer, limits::available(rule, version) && rule.change == limits::Change::Live);
        if (answer.ok()) checkKept(scopes.properties(), property);
    }
}

TEST_CASE("each feature of the table is one that PID 1 has from the version on that the table says",
          "[gating][fault-64][machine]") {
    Guest guest;
    const unsigned version = guest.systemd.version();
    Scopes scopes;
    for (const limits::Feature& feature : limits::kFeatures) {
        const std::string name(feature.name);
        CAPTURE(name, feature.since, version);
        if (std::find(std::begin(kUnseen), std::end(kUnseen), feature.name) != std::end(kUnseen)) continue;
        REQUIRE(kProbes.contains(feature.name));
        CHECK(kProbes.at(feature.name)(scopes) == limits::available(feature, version));
    }
}
