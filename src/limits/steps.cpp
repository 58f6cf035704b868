// SPDX-License-Identifier: LGPL-2.1-or-later
#include "limits/steps.h"

#include "limits/block_io.h"
#include "limits/convert.h"
#include "limits/properties.h"
#include "limits/wishes.h"

#include <algorithm>

namespace scopewright::limits {

namespace {

using Numbers = std::vector<std::pair<std::string, std::uint64_t>>;
using Texts = std::vector<std::pair<std::string, std::string>>;

class Planner {
public:
    Planner(const Wishes& wishes, const Context& context) : wishes_(wishes), context_(context) {}

    std::vector<Step> plan() {
        cpu();
        for (const auto& [file, set] : wishes_.sets)
            cpuSet(file, set);
        for (const auto& [file, number] : wishes_.numbers)
            this->number(file, number);
        ioWeight();
        ioWeights();
        for (std::size_t limit = 0; limit < wishes_.ioMax.size(); ++limit)
            ioMax(limit);
        ioMaxFiles();
        ioLatency();
        devices();
        for (const FileValue& file : wishes_.files)
            leafFile(file);
        for (const Skip& skip : wishes_.skipped)
            this->skip(skip.key, skip.cause);
        for (const std::string& key : wishes_.overridden)
            steps_.push_back(Step{Step::Kind::Overridden, key, {}, {}, "", {}});
        return std::move(steps_);
    }

private:
    bool has(const std::string& controller) const {
        return std::ranges::find(context_.controllers, controller) != context_.controllers.end();
    }

    bool takes(const PropertyRule& rule) const {
        return available(rule, context_.systemdVersion) && (rule.change == Change::Live || context_.starting) &&
               std::ranges::find(context_.notTaken, rule.property) == context_.notTaken.end();
    }

    bool absent(DeviceNumber device) const {
        return std::ranges::find(context_.absentDevices, device) != context_.absentDevices.end();
    }

    void property(const std::string& key, std::string_view name, Value value) {
        steps_.push_back(Step{Step::Kind::Property, key, Property{std::string(name), std::move(value)}, {}, "", {}});
    }

    void skip(const std::string& key, std::string cause) {
        steps_.push_back(Step{Step::Kind::Skipped, key, {}, {}, std::move(cause), {}});
    }

    void file(Step::Kind kind, FileValue value) {
        if (has(value.controller))
            steps_.push_back(Step{kind, value.key, {}, std::move(value), "", {}});
        else
            skip(value.key, missingController(value.controller));
    }
    void leafFile(FileValue value) { file(Step::Kind::LeafFile, std::move(value)); }
    void scopeFile(FileValue value) { file(Step::Kind::ScopeFile, std::move(value)); }

    /// Once, when it is taken back: later on the file is PID 1's again.
    void takeBack(FileValue value, std::string_view property) {
        value.property = property;
        scopeFile(std::move(value));
    }

    /// PID 1 takes such a value whatever the kernel says to it, and only logs that. Who writes the same hears it.
    void echo(FileValue value, std::string_view property) {
        const std::string key = value.key;
        value.property = property;
        steps_.push_back(Step{Step::Kind::Echo, key, {}, std::move(value), "", {}});
    }

    /// Without the controller PID 1 takes the property and does nothing.
    bool missing(const std::string& key, const std::string& controller) {
        if (has(controller)) return false;
        skip(key, missingController(controller));
        return true;
    }

    void cpu() {
        if (wishes_.cpuIdle) idle(*wishes_.cpuIdle);
        if (wishes_.cpuWeight) weight(*wishes_.cpuWeight);
        if (wishes_.cpuMax) cpuMax(*wishes_.cpuMax);
    }

    void idle(const Wanted<bool>& wanted) {
        if (missing(wanted.key, "cpu")) return;
        const PropertyRule& own = rule("cpu.idle");
        if (!takes(own)) {
            if (wanted.value || !context_.starting)
                leafFile(fileValue(wanted.key, std::string(own.file), wanted.value ? "1" : "0"));
        } else if (wanted.value) {
            property(wanted.key, own.property, std::uint64_t{0});
        } else if (!context_.starting && !wishes_.cpuWeight) {
            // Any weight ends the idling; without one there is still the default.
            property(wanted.key, own.property, kInfinity);
        }
    }

    void weight(const Wanted<CpuWeight>& wanted) {
        if (missing(wanted.key, "cpu")) return;
        const CpuWeight& asked = wanted.value;
        const std::uint64_t number =
            asked.shares ? sharesToWeight(static_cast<std::int64_t>(asked.number)) : asked.number;
        const PropertyRule& own = rule("cpu.shares");
        if (takes(own))
            property(wanted.key, own.property, number);
        else
            leafFile(fileValue(wanted.key, std::string(own.file), std::to_string(number)));
    }

    /// Quota and period are always told together: PID 1 computes one file from both.
    void cpuMax(const Wanted<CpuMax>& wanted) {
        if (missing(wanted.key, "cpu")) return;
        const auto [quota, period] = wanted.value;
        const bool structured = !wanted.key.starts_with("unified.");
        const std::uint64_t perSecond = quotaPerSecond(quota, period, context_.systemdVersion);
        const bool knowsPeriod = takes(rule("cpu.period"));
        const bool knowsQuota = takes(rule("cpu.quota"));
        if (knowsPeriod)
            property(structured ? "cpu.period" : wanted.key, rule("cpu.period").property,
                     static_cast<std::uint64_t>(period));
        if (knowsQuota) property(structured ? "cpu.quota" : wanted.key, rule("cpu.quota").property, perSecond);
        // The ratio is in force by then; in our own group the length of the period can be, too.
        if (!knowsQuota || (!knowsPeriod && period != kDefaultPeriod))
            leafFile(fileValue(structured && knowsQuota ? "cpu.period" : wanted.key, "cpu.max",
                               cpuMaxText(mirroredQuota(quota, period, perSecond), period)));
    }

    void cpuSet(const std::string& file, const Wanted<CpuMask>& wanted) {
        if (wanted.value.empty() && context_.starting) return;
        if (missing(wanted.key, "cpuset")) return;
        const PropertyRule& own = *ruleOfFile(file);
        if (!takes(own)) return leafFile(fileValue(wanted.key, file, cpuSetLine(wanted.value)));
        property(wanted.key, own.property, wanted.value);
        // PID 1 forgets an empty set, but leaves the file as it is (systemd#43846). Numbers may be too large.
        if (wanted.value.empty())
            takeBack(fileValue(wanted.key, file, cpuSetLine(wanted.value)), own.property);
        else
            echo(fileValue(wanted.key, file, cpuSetLine(wanted.value)), own.property);
    }

    /// What the property of that file takes; nothing if this value cannot be said with it.
    std::optional<Value> valueFor(const PropertyRule& own, std::uint64_t number) const {
        const unsigned version = context_.systemdVersion;
        if (own.signature == "s") return Value(std::string(number == 1 ? "kill" : "continue"));
        if (own.signature == "b") return Value(number != 0);
        if (own.file == "pids.max") return Value(tasksMax(number));
        if (number != 0) return Value(number);
        const bool protection = own.file == "memory.low" || own.file == "memory.min";
        if (protection && available(kMemoryLowZero, version)) return Value(number);
        if (own.file == "memory.swap.max" && available(kSwapZero, version)) return Value(number);
        return own.file == "memory.zswap.max" ? std::optional(Value(number)) : std::nullopt;
    }

    void number(const std::string& file, const Wanted<std::uint64_t>& wanted) {
        const PropertyRule& own = *ruleOfFile(file);
        const FileValue asFile = fileValue(wanted.key, file, limitText(wanted.value));
        if (missing(wanted.key, asFile.controller)) return;
        const std::optional<Value> value = takes(own) ? valueFor(own, wanted.value) : std::nullopt;
        if (value) property(wanted.key, own.property, *value);
        // PID 1 knows no 0 tasks, the kernel does; OCI's 0 is the least that can be had.
        const bool said = value && !(wanted.key == "unified.pids.max" && wanted.value == 0);
        if (own.fallback == Fallback::ScopeFile)
            scopeFile(asFile);
        else if (!said)
            leafFile(asFile);
        else if (file.starts_with("memory.zswap.")) // there are kernels without
            echo(asFile, own.property);
    }

    std::uint64_t ioWeightNumber(const IoWeight& weight) const {
        return weight.bfq ? ioWeightFor(weight.number, context_.systemdVersion) : weight.number;
    }

    FileValue weightFile(const std::string& key, const char* file, const std::string& subject, std::uint64_t number) {
        FileValue value = fileValue(key, file, subject + " " + (number == 0 ? "default" : std::to_string(number)));
        value.ifPresent = true;
        return value;
    }

    void ioWeight() {
        if (!wishes_.ioWeight || missing(wishes_.ioWeight->key, "io")) return;
        const auto& [key, weight] = *wishes_.ioWeight;
        const PropertyRule& own = rule("blockIO.weight");
        const bool bfqFile = weight.bfq && !available(kBfqRaw, context_.systemdVersion);
        if (bfqFile) scopeFile(weightFile(key, "io.bfq.weight", "default", weight.number));
        FileValue file = weightFile(key, "io.weight", "default", ioWeightNumber(weight));
        file.ifPresent = false;
        if (takes(own)) {
            property(key, own.property, ioWeightNumber(weight));
            // There are kernels that weigh nothing.
            file.ifAbsent = "io.bfq.weight";
            return echo(file, own.property);
        }
        if (bfqFile) file.ifAbsent = "io.bfq.weight";
        scopeFile(file);
    }

    void ioWeights() {
        if (wishes_.ioWeights.empty() || missing(wishes_.ioWeights.begin()->second.key, "io")) return;
        const PropertyRule& own = rule("blockIO.weightDevice");
        const std::string& anyKey = wishes_.ioWeights.begin()->second.key;
        Numbers list;
        bool reset = false;
        for (const auto& [device, wanted] : wishes_.ioWeights) {
            const auto& [key, weight] = wanted;
            const std::string subject = toText(device);
            const bool byProperty = takes(own) && !absent(device);
            if (weight.number == 0) {
                if (context_.starting) continue;
                reset = true;
                takeBack(weightFile(key, "io.bfq.weight", subject, 0), own.property);
                takeBack(weightFile(key, "io.weight", subject, 0), own.property);
                continue;
            }
            if (byProperty) list.emplace_back(blockPath(device), ioWeightNumber(weight));
            if (weight.bfq && !(byProperty && available(kBfqPerDevice, context_.systemdVersion)))
                scopeFile(weightFile(key, "io.bfq.weight", subject, weight.number));
            FileValue file = weightFile(key, "io.weight", subject, ioWeightNumber(weight));
            file.ifPresent = !byProperty && !absent(device);
            if (!byProperty) {
                // For a device that is not there the kernel says ENODEV, and that is to be told.
                scopeFile(std::move(file));
            } else {
                // Unless BFQ weighs the device, somebody has to have turned io.cost on for it.
                file.ifAbsent = "io.bfq.weight";
                echo(std::move(file), own.property);
            }
        }
        // The list only grows, device by device; the empty one is the only way to take something off it.
        if (reset && takes(own)) property(anyKey, own.property, Numbers());
        if (!list.empty()) property(anyKey, own.property, std::move(list));
    }

    static const PropertyRule& ioRule(std::size_t limit) {
        constexpr std::array<std::string_view, kIoLimits.size()> kKeys{
            "blockIO.throttleReadBpsDevice", "blockIO.throttleWriteBpsDevice", "blockIO.throttleReadIOPSDevice",
            "blockIO.throttleWriteIOPSDevice"};
        return rule(kKeys[limit]);
    }

    void ioMax(std::size_t limit) {
        const PropertyRule& own = ioRule(limit);
        if (wishes_.ioMax[limit].empty() || !takes(own) || !has("io")) return;
        Numbers list;
        for (const auto& [device, wanted] : wishes_.ioMax[limit])
            if (!absent(device)) list.emplace_back(blockPath(device), wanted.value);
        if (!list.empty()) property(wishes_.ioMax[limit].begin()->second.key, own.property, std::move(list));
    }

    /// What PID 1 cannot be told, and what it may not clear when it is told (systemd#27302).
    void ioMaxFiles() {
        const auto leaf = [&](DeviceNumber device, std::size_t limit, std::uint64_t) {
            return absent(device) || !takes(ioRule(limit));
        };
        const auto lifted = [&](DeviceNumber device, std::size_t limit, std::uint64_t value) {
            return !context_.starting && value == kInfinity && !leaf(device, limit, value);
        };
        for (const auto& [device, line] : ioMaxLines(wishes_, leaf))
            leafFile(fileValue(line.key, "io.max", line.value));
        for (std::size_t one = 0; one < wishes_.ioMax.size(); ++one) {
            const auto ofThis = [&](DeviceNumber device, std::size_t limit, std::uint64_t value) {
                return limit == one && lifted(device, limit, value);
            };
            for (const auto& [device, line] : ioMaxLines(wishes_, ofThis))
                takeBack(fileValue(line.key, "io.max", line.value), ioRule(one).property);
        }
        for (const auto& limits : wishes_.ioMax)
            if (!limits.empty() && !has("io") && !lostIo(limits.begin()->second.key))
                skip(limits.begin()->second.key, missingController("io"));
    }

    bool lostIo(const std::string& key) const {
        return std::ranges::any_of(
            steps_, [&](const Step& step) { return step.key == key && step.kind == Step::Kind::Skipped; });
    }

    void ioLatency() {
        if (wishes_.ioLatency.empty() || missing(wishes_.ioLatency.begin()->second.key, "io")) return;
        const PropertyRule& own = rule("unified.io.latency");
        Numbers list;
        for (const auto& [device, wanted] : wishes_.ioLatency)
            if (takes(own) && !absent(device))
                list.emplace_back(blockPath(device), wanted.value);
            else
                leafFile(
                    fileValue(wanted.key, "io.latency", toText(device) + " target=" + std::to_string(wanted.value)));
        if (!list.empty()) property(wishes_.ioLatency.begin()->second.key, own.property, std::move(list));
    }

    void devices() {
        if (!wishes_.devices) return;
        if (!takes(rule("devices"))) return program();
        DeviceProperties told = toDeviceProperties(emulate(*wishes_.devices), context_.systemdVersion);
        if (told.policy == "auto" && !context_.starting) {
            told.policy = "strict";
            told.allow = everyDevice();
        }
        property("devices", "DevicePolicy", told.policy);
        // PID 1 adds to the list it has; the empty one clears it.
        property("devices", "DeviceAllow", Texts());
        if (!told.allow.empty()) property("devices", "DeviceAllow", told.allow);
        if (!told.exact) program();
    }

    void program() {
        if (context_.devicePrograms)
            steps_.push_back(Step{Step::Kind::Program, "devices", {}, {}, "", *wishes_.devices});
        else
            skip("devices", kNeedsProgram);
    }

    const Wishes& wishes_;
    const Context& context_;
    std::vector<Step> steps_;
};

} // namespace

std::vector<Step> planSteps(const Resources& resources, const Context& context) {
    const Wishes wishes = resolve(resources);
    std::vector<Step> steps = Planner(wishes, context).plan();
    if (context.notTaken.empty()) return steps;
    // What would have been a property is told, also where a file stands in its place.
    Context trusting = context;
    trusting.notTaken.clear();
    for (const Step& step : Planner(wishes, trusting).plan())
        if (step.kind == Step::Kind::Property &&
            std::ranges::find(context.notTaken, step.property.name) != context.notTaken.end())
            steps.push_back(Step{Step::Kind::Skipped, step.key, {}, {}, notTaken(step.property.name), {}});
    return steps;
}

} // namespace scopewright::limits
