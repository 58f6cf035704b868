// SPDX-License-Identifier: LGPL-2.1-or-later
#include "limits/plan.h"

#include "catch.h"
#include "limits/at.h"
#include "limits/convert.h"
#include "limits/properties.h"

#include <map>

using namespace scopewright;
using namespace scopewright::limits;

namespace {

std::map<std::string, std::uint64_t> propertiesOf(const Resources& r, unsigned version) {
    std::map<std::string, std::uint64_t> all;
    for (const Property& property : planScope(r, at(version)).properties)
        all[property.name] = std::get<std::uint64_t>(property.value);
    return all;
}

std::map<std::string, std::string> filesOf(const Resources& r) {
    std::map<std::string, std::string> all;
    for (const FileValue& file : planCompat(r, CompatStyle()).files)
        all[file.file] = file.value;
    return all;
}

Resources container() {
    Resources r;
    r.memoryLimit = 268435456;
    r.memoryReservation = 134217728;
    r.memorySwap = 268435456;
    r.cpuShares = 512;
    r.cpuQuota = 50000;
    r.cpuPeriod = 100000;
    r.pidsLimit = 64;
    return r;
}

} // namespace

TEST_CASE("a container's limits become these properties") {
    const std::map<std::string, std::uint64_t> expected{
        {"MemoryMax", 268435456},       {"MemoryLow", 134217728},       {"MemorySwapMax", 0}, {"CPUWeight", 59},
        {"CPUQuotaPerSecUSec", 500000}, {"CPUQuotaPeriodUSec", 100000}, {"TasksMax", 64},
    };
    CHECK(propertiesOf(container(), 252) == expected);
    CHECK(planScope(container(), at(252)).skipped.empty());
}

TEST_CASE("a container's limits become these files for cAdvisor") {
    const std::map<std::string, std::string> expected{
        {"memory.max", "268435456"}, {"memory.min", "134217728"}, {"memory.low", "134217728"}, {"memory.swap.max", "0"},
        {"cpu.weight", "20"},        {"cpu.max", "50000 100000"}, {"pids.max", "64"},
    };
    CHECK(filesOf(container()) == expected);
}

TEST_CASE("a property that PID 1 has refused is left out, told, and replaced by a file") {
    Resources r = container();
    r.cpus = "0";
    r.devices = {{false, 'a', {}, {}, "rwm"}};
    Context context = at(252);
    context.notTaken = {"AllowedCPUs", "DevicePolicy", "MemoryMax"};
    const ScopePlan plan = planScope(r, context);
    for (const Property& property : plan.properties)
        CHECK(std::ranges::find(context.notTaken, property.name) == context.notTaken.end());
    const std::vector<Skip> skipped{{"devices", kNeedsProgram},
                                    {"cpu.cpus", notTaken("AllowedCPUs")},
                                    {"memory.limit", notTaken("MemoryMax")},
                                    {"devices", notTaken("DevicePolicy")}};
    CHECK(plan.skipped == skipped);
    std::map<std::string, std::string> files;
    for (const FileValue& file : plan.files)
        files[file.file] = file.value;
    CHECK(files == std::map<std::string, std::string>{{"cpuset.cpus", "0"}, {"memory.max", "268435456"}});
    context.devicePrograms = true;
    CHECK(planScope(r, context).program == r.devices);
}

TEST_CASE("nothing asked for is nothing set") {
    CHECK(planScope(Resources(), at(252)).properties.empty());
    CHECK(planScope(Resources(), at(252)).skipped.empty());
    CHECK(planCompat(Resources(), CompatStyle()).files.empty());
}

TEST_CASE("unlimited is said, not left out") {
    Resources r;
    r.memoryLimit = -1;
    r.cpuQuota = -1;
    r.pidsLimit = -1;
    const auto properties = propertiesOf(r, 252);
    CHECK(properties.at("MemoryMax") == kInfinity);
    CHECK(properties.at("CPUQuotaPerSecUSec") == kInfinity);
    CHECK(properties.at("TasksMax") == kInfinity);
    const auto files = filesOf(r);
    CHECK(files.at("memory.max") == "max");
    CHECK(files.at("cpu.max") == "max 100000");
    CHECK(files.at("pids.max") == "max");
}

TEST_CASE("quota and period always go together") {
    Resources quota;
    quota.cpuQuota = 20000;
    CHECK(propertiesOf(quota, 252) ==
          std::map<std::string, std::uint64_t>{{"CPUQuotaPerSecUSec", 200000}, {"CPUQuotaPeriodUSec", 100000}});
    CHECK(filesOf(quota).at("cpu.max") == "20000 100000");
    Resources period;
    period.cpuPeriod = 50000;
    CHECK(propertiesOf(period, 252) ==
          std::map<std::string, std::uint64_t>{{"CPUQuotaPerSecUSec", kInfinity}, {"CPUQuotaPeriodUSec", 50000}});
    CHECK(filesOf(period).at("cpu.max") == "max 50000");
}

TEST_CASE("PID 1 is never told what it refuses") {
    Resources r;
    r.pidsLimit = 0;
    CHECK(propertiesOf(r, 252).at("TasksMax") == 1);
    CHECK(filesOf(r).at("pids.max") == "0");
}

TEST_CASE("every cause has a sentence, and only a property has a version") {
    for (const Skip& skip :
         {Skip{"a", kNoSuchFile}, Skip{"a", kIdleGroup}, Skip{"a", kNeedsProgram}, Skip{"a", kNotShown},
          Skip{"a", refusedByKernel(16)}, Skip{"a", missingController("memory")},
          Skip{"a", unconfiguredController("memory")}, Skip{"a", notTaken("OOMPolicy")}, Skip{"a", kUnenforced},
          Skip{"a", kUnverified}, Skip{"a", fixedAtStart("OOMPolicy")}}) {
        CAPTURE(skip.cause);
        CHECK(reason(skip).size() > 15);
        CHECK(reason(skip).find('\n') == std::string::npos);
        CHECK(since(skip) == (skip.cause == notTaken("OOMPolicy") ? "253" : ""));
    }
    CHECK(reason(Skip{"a", missingController("memory")}).find("'memory'") != std::string::npos);
    CHECK(reason(Skip{"a", refusedByKernel(16)}).find("busy") != std::string::npos);
    CHECK(isControllerMissing(Skip{"a", missingController("memory")}));
    CHECK_FALSE(isControllerMissing(Skip{"a", kNoSuchFile}));
}
