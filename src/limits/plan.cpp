// SPDX-License-Identifier: LGPL-2.1-or-later
#include "limits/plan.h"

#include "limits/properties.h"
#include "limits/steps.h"
#include "limits/text.h"
#include "limits/unified.h"

#include <algorithm>
#include <array>
#include <set>
#include <system_error>

namespace scopewright::limits {

namespace {

const std::string kController = "controller.";
const std::string kUnconfigured = "unconfigured.";
const std::string kRefused = "refused.";
const std::string kNotTaken = "untaken.";
const std::string kFixed = "fixed.";

} // namespace

std::string missingController(std::string_view controller) {
    return kController + std::string(controller);
}

std::string unconfiguredController(std::string_view controller) {
    return kUnconfigured + std::string(controller);
}

std::string refusedByKernel(int error) {
    return kRefused + std::to_string(error);
}

std::string notTaken(std::string_view property) {
    return kNotTaken + std::string(property);
}

std::string fixedAtStart(std::string_view property) {
    return kFixed + std::string(property);
}

bool isControllerMissing(const Skip& skip) {
    return skip.cause.starts_with(kController);
}

void addSkip(std::vector<Skip>& skipped, Skip skip) {
    if (std::ranges::find(skipped, skip) == skipped.end()) skipped.push_back(std::move(skip));
}

std::string reason(const Skip& skip) {
    const std::string& cause = skip.cause;
    if (cause == kNoSuchFile) return "control groups v2 have no such setting";
    if (cause == kIdleGroup) return "cpu.idle is set, and an idle group has no weight";
    if (cause == kNeedsProgram) return "PID 1 has no words for these rules, and no device program can be attached";
    if (cause == kNotShown) return "a group without processes does not show it";
    if (cause.starts_with(kController))
        return "controller '" + cause.substr(kController.size()) + "' is not available in this group";
    if (cause.starts_with(kUnconfigured))
        return "controller '" + cause.substr(kUnconfigured.size()) + "' is not among [compat] controllers";
    if (cause.starts_with(kRefused)) {
        const std::uint64_t error = parseNumber(cause.substr(kRefused.size())).value_or(0);
        return "the kernel refused it: " + std::generic_category().message(static_cast<int>(error));
    }
    if (cause == kUnenforced) return "PID 1 was told of these rules, but there is no device program on the scope";
    if (cause == kUnverified) return "whether PID 1 has attached its device program cannot be seen with our privileges";
    if (cause.starts_with(kFixed))
        return cause.substr(kFixed.size()) + " can only be given at the start; the payload's file has the new value";
    if (cause.starts_with(kNotTaken))
        return "PID 1 refuses " + cause.substr(kNotTaken.size()) +
               ", which it should know; a file stands in its place where there is one";
    return cause;
}

std::string since(const Skip& skip) {
    if (!skip.cause.starts_with(kNotTaken)) return "";
    for (const PropertyRule& rule : kProperties)
        if (rule.property == std::string_view(skip.cause).substr(kNotTaken.size())) return std::to_string(rule.since);
    return "";
}

std::vector<FileValue> inOrder(std::vector<FileValue> files, bool growing) {
    std::ranges::stable_sort(files, [growing](const FileValue& a, const FileValue& b) {
        if (a.rank == 0 || b.rank == 0) return a.rank == 0 && b.rank != 0;
        return growing ? a.rank < b.rank : a.rank > b.rank;
    });
    return files;
}

std::vector<DeviceNumber> blockDevices(const Resources& resources) {
    std::set<DeviceNumber> devices;
    for (const RateField& rates : kRates)
        if (const std::optional<Rates>& list = resources.*rates.member)
            for (const auto& [device, rate] : *list)
                devices.insert(device);
    if (resources.weightDevice)
        for (const auto& [device, weight] : *resources.weightDevice)
            devices.insert(device);
    if (resources.unified)
        for (const char* file : {"io.bfq.weight", "io.latency", "io.max", "io.weight"})
            if (const auto value = resources.unified->find(file); value != resources.unified->end())
                for (DeviceNumber device : devicesIn(file, value->second))
                    devices.insert(device);
    return {devices.begin(), devices.end()};
}

ScopePlan planScope(const Resources& resources, const Context& context) {
    ScopePlan plan;
    for (Step& step : planSteps(resources, context)) {
        switch (step.kind) {
            case Step::Kind::Property: plan.properties.push_back(std::move(step.property)); break;
            case Step::Kind::LeafFile: plan.files.push_back(std::move(step.file)); break;
            case Step::Kind::ScopeFile: plan.scopeFiles.push_back(std::move(step.file)); break;
            case Step::Kind::Echo: plan.echoes.push_back(std::move(step.file)); break;
            case Step::Kind::Program: plan.program = std::move(step.rules); break;
            case Step::Kind::Skipped: addSkip(plan.skipped, Skip{step.key, step.cause}); break;
            case Step::Kind::Overridden: break;
        }
    }
    return plan;
}

std::vector<FileValue> takenBack(const std::vector<FileValue>& before, const std::vector<FileValue>& now) {
    constexpr std::array<std::string_view, 4> kLimits{"memory.high", "memory.max", "memory.swap.max", "pids.max"};
    std::vector<FileValue> files;
    for (FileValue file : before) {
        if (std::ranges::find(kLimits, file.file) == kLimits.end()) continue;
        if (std::ranges::find(now, file.file, &FileValue::file) != now.end()) continue;
        file.value = "max";
        files.push_back(std::move(file));
    }
    return files;
}

} // namespace scopewright::limits
