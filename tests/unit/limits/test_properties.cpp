// SPDX-License-Identifier: LGPL-2.1-or-later
// The tables, and that the plan is what they say: each row at the version before and at its own.
#include "limits/properties.h"

#include "catch.h"
#include "limits/at.h"
#include "limits/plan.h"

#include <fstream>
#include <iterator>
#include <optional>
#include <set>

using namespace scopewright;
using namespace scopewright::limits;

namespace {

using Numbers = std::vector<std::pair<std::string, std::uint64_t>>;
using Texts = std::vector<std::pair<std::string, std::string>>;

/// Something for each row to be asked for.
Value sample(std::string_view key) {
    // clang-format off
    if (key.starts_with("blockIO.throttle")) return Numbers{{"8:0", 1048576}};
    if (key == "blockIO.weightDevice") return Numbers{{"8:16", 500}};
    if (key == "cpu.cpus" || key == "cpu.mems") return std::string("0-3,9");
    if (key == "devices") return Texts{{"deny a", ""}, {"allow c 1:3", "rwm"}};
    if (key == "unified.io.latency") return Texts{{"io.latency", "8:0 target=75000"}};
    if (key == "unified.memory.oom.group") return Texts{{"memory.oom.group", "1"}};
    if (key == "unified.memory.zswap.writeback") return Texts{{"memory.zswap.writeback", "0"}};
    if (key.starts_with("unified.")) return Texts{{std::string(key.substr(8)), "1G"}};
    if (key == "cpu.idle") return std::int64_t{1};
    if (key == "cpu.period") return std::int64_t{50000};
    if (key == "pids.limit") return std::int64_t{64};
    if (key == "blockIO.weight") return std::int64_t{500};
    return std::int64_t{1048576};
    // clang-format on
}

Resources asking(const PropertyRule& rule) {
    Resources r;
    set(r, rule.key.starts_with("unified.") ? "unified" : rule.key, sample(rule.key));
    if (rule.key == "memory.swap") r.memoryLimit = 4096;
    return r;
}

std::optional<Property> sent(const ScopePlan& plan, std::string_view name) {
    std::optional<Property> found;
    for (const Property& property : plan.properties)
        if (property.name == name) found = property;
    return found;
}

bool written(const std::vector<FileValue>& files, std::string_view file) {
    return std::ranges::count(files, file, &FileValue::file) > 0;
}

std::string signatureOf(const Value& value) {
    constexpr std::array<const char*, std::variant_size_v<Value>> kSignatures{
        "b", "i", "u", "x", "t", "s", "au", "as", "ay", "ah", "a(st)", "a(ss)", "?"};
    return kSignatures[value.index()];
}

} // namespace

TEST_CASE("each property is sent with its type from its version on, and its file written before") {
    for (const PropertyRule& rule : kProperties) {
        if (rule.property.empty()) continue;
        const std::string name = std::string(rule.key) + " " + std::string(rule.property);
        CAPTURE(name);
        const Resources r = asking(rule);
        for (unsigned version : {rule.since, 262U}) {
            const std::optional<Property> property = sent(planScope(r, at(version)), rule.property);
            REQUIRE(property);
            CHECK(signatureOf(property->value) == rule.signature);
            CHECK_FALSE(written(planScope(r, at(version)).files, rule.file));
        }
        // No systemd was ever without these two.
        if (rule.key == "devices") continue;
        const ScopePlan before = planScope(r, at(rule.since - 1));
        CHECK_FALSE(sent(before, rule.property));
        CHECK(written(rule.fallback == Fallback::ScopeFile ? before.scopeFiles : before.files, rule.file));
        CHECK(before.skipped.empty());
    }
}

TEST_CASE("what can only be given at the start is a file later on") {
    for (const PropertyRule& rule : kProperties) {
        if (rule.property.empty() || rule.key == "devices") continue;
        const std::string name(rule.property);
        CAPTURE(name);
        Context running = at(262);
        running.starting = false;
        const ScopePlan plan = planScope(asking(rule), running);
        CHECK(sent(plan, rule.property).has_value() == (rule.change == Change::Live));
        CHECK(written(plan.files, rule.file) == (rule.change == Change::StartOnly));
    }
}

TEST_CASE("the features of PID 1 begin where they began") {
    struct Row {
        Feature feature;
        unsigned since;
    };
    for (const Row& row : {Row{kAttachProcesses, 238}, Row{kSwapZero, 239}, Row{kDeviceNumbers, 240}, Row{kBfqRaw, 243},
                           Row{kMemoryLowZero, 243}, Row{kDelegateCpuset, 244}, Row{kFreezeUnit, 246},
                           Row{kTasksMaxKept, 247}, Row{kBfqTenth, 248}, Row{kBfqFormula, 250}, Row{kBfqPerDevice, 251},
                           Row{kPidFds, 255}, Row{kFineQuota, 256}}) {
        const std::string name(row.feature.name);
        CAPTURE(name);
        CHECK_FALSE(available(row.feature, row.since - 1));
        CHECK(available(row.feature, row.since));
        CHECK(std::ranges::count(kFeatures, row.feature.name, &Feature::name) == 1);
    }
    CHECK(kFeatures.size() == 13);
}

TEST_CASE("the versions are those of the changes in systemd") {
    struct Row {
        const char* property;
        unsigned since;
    };
    for (const Row& row :
         {Row{"CPUWeight", 232}, Row{"MemorySwapMax", 232}, Row{"CPUQuotaPeriodUSec", 242}, Row{"AllowedCPUs", 244},
          Row{"AllowedMemoryNodes", 244}, Row{"OOMPolicy", 253}, Row{"MemoryZSwapMax", 253},
          Row{"MemoryZSwapWriteback", 256}, Row{"MemoryMin", 240}, Row{"MemoryMax", 231}, Row{"IOWeight", 230},
          Row{"TasksMax", 227}, Row{"CPUQuotaPerSecUSec", 213}}) {
        CAPTURE(row.property);
        bool found = false;
        for (const PropertyRule& rule : kProperties)
            found = found || (rule.property == row.property && rule.since == row.since);
        CHECK(found);
    }
    CHECK(rule("cpu.idle").since == 252);
}

TEST_CASE("every resource has its row") {
    std::set<std::string_view> keys;
    for (const PropertyRule& rule : kProperties)
        keys.insert(rule.key);
    for (std::string_view key : resourceKeys())
        CHECK(keys.contains(key));
    for (const Field& field : kFields)
        CHECK(keys.contains(field.key));
    CHECK(rule("memory.limit").property == "MemoryMax");
    CHECK(ruleOfFile("memory.low")->key == "memory.reservation");
    CHECK(ruleOfFile("cpu.max") == nullptr);
    CHECK(ruleOfFile("nothing") == nullptr);
}

TEST_CASE("both tables can be read, a row a line") {
    const std::string bare = tables(0);
    const std::string here = tables(244);
    for (const std::string& text : {bare, here}) {
        CHECK(std::ranges::count(text, '\n') == static_cast<std::ptrdiff_t>(kProperties.size() + kFeatures.size() + 3));
        CHECK(text.find(" \n") == std::string::npos);
        for (const PropertyRule& rule : kProperties)
            CHECK(text.find(std::string(rule.key) + " ") != std::string::npos);
    }
    CHECK(bare.starts_with("RESOURCE"));
    CHECK(here.starts_with("HERE"));
    const auto lineOf = [&](const std::string& word) {
        const std::size_t at = here.find(word);
        const std::size_t start = here.rfind('\n', at) + 1;
        return here.substr(start, here.find('\n', at) - start);
    };
    CHECK(lineOf("AllowedCPUs").starts_with("yes "));
    CHECK(lineOf("OOMPolicy").starts_with("no "));
    CHECK(lineOf("OOMPolicy").find(" start ") != std::string::npos);
    CHECK(lineOf("rdma").starts_with("- "));
    CHECK(lineOf("AllowedCPUs").ends_with("payload/cpuset.cpus"));
    CHECK(lineOf("cpu.burst").ends_with(" cpu.max.burst"));
    CHECK(lineOf("PIDFDs").starts_with("no "));
}

TEST_CASE("the manual page has the tables that the code has") {
    std::ifstream page(std::string(SCOPEWRIGHT_SOURCE_ROOT) + "/man/scopewright.7.scd");
    const std::string text{std::istreambuf_iterator<char>(page), {}};
    CHECK(text.find("\n```\n" + tables(0) + "```\n") != std::string::npos);
}
