// SPDX-License-Identifier: LGPL-2.1-or-later
// Groups below the scope, where every value is a file of ours: of processes, and those that are only looked at.
#include "limits/block_io.h"
#include "limits/convert.h"
#include "limits/wishes.h"

#include <algorithm>

namespace scopewright::limits {

namespace {

/// Collects what goes where; without a list of controllers all are taken to be there.
class Files {
public:
    explicit Files(const std::vector<std::string>* controllers) : controllers_(controllers) {}

    void add(FileValue file) {
        if (controllers_ && std::ranges::find(*controllers_, file.controller) == controllers_->end())
            skip(file.key, missingController(file.controller));
        else
            plan.files.push_back(std::move(file));
    }
    void add(const std::string& key, const std::string& file, const std::string& value) {
        add(fileValue(key, file, value));
    }
    void skip(const std::string& key, const std::string& cause) { addSkip(plan.skipped, Skip{key, cause}); }

    GroupPlan plan;

private:
    const std::vector<std::string>* controllers_;
};

void addCpuMax(const Wishes& wishes, Files& files) {
    if (wishes.cpuMax)
        files.add(wishes.cpuMax->key, "cpu.max", cpuMaxText(wishes.cpuMax->value.quota, wishes.cpuMax->value.period));
}

void addSets(const Wishes& wishes, Files& files) {
    for (const auto& [file, wanted] : wishes.sets)
        files.add(wanted.key, file, cpuSetLine(wanted.value));
}

void addWeight(const Wanted<CpuWeight>& wanted, WeightFormula formula, Files& files) {
    std::uint64_t number = wanted.value.number;
    if (wanted.value.shares) {
        const std::int64_t shares = static_cast<std::int64_t>(number);
        number = formula == WeightFormula::Linear ? sharesToCompatWeight(shares) : sharesToWeight(shares);
    }
    files.add(wanted.key, "cpu.weight", std::to_string(number));
}

/// BFQ has its own file and scale; where the kernel has not that one, the other counts.
void addIoWeight(const std::string& key, const std::string& subject, const IoWeight& weight, Files& files) {
    const auto text = [](std::uint64_t number) { return number == 0 ? "default" : std::to_string(number); };
    FileValue general = fileValue(key, "io.weight", subject + " " + text(weight.number));
    if (weight.bfq) {
        FileValue bfq = fileValue(key, "io.bfq.weight", general.value);
        bfq.ifPresent = true;
        files.add(std::move(bfq));
        const std::uint64_t number = weight.number < 10 ? weight.number : linearIoWeight(weight.number);
        general.value = subject + " " + text(number);
        general.ifAbsent = "io.bfq.weight";
    }
    files.add(std::move(general));
}

void addIo(const Wishes& wishes, Files& files) {
    if (wishes.ioWeight) addIoWeight(wishes.ioWeight->key, "default", wishes.ioWeight->value, files);
    for (const auto& [device, wanted] : wishes.ioWeights)
        addIoWeight(wanted.key, toText(device), wanted.value, files);
    for (const auto& [device, line] : ioMaxLines(wishes, [](DeviceNumber, std::size_t, std::uint64_t) { return true; }))
        files.add(line.key, "io.max", line.value);
    for (const auto& [device, wanted] : wishes.ioLatency)
        files.add(wanted.key, "io.latency", toText(device) + " target=" + std::to_string(wanted.value));
}

/// Without a program a group below the scope has the devices of the scope.
void addDevices(const Wishes& wishes, const Context& context, Files& files) {
    if (!wishes.devices || emulate(*wishes.devices) == DeviceFilter{true, {}, ""}) return;
    if (context.devicePrograms)
        files.plan.program = wishes.devices;
    else
        files.skip("devices", kNeedsProgram);
}

void addReservation(const Wanted<std::uint64_t>& low, ReservationFile where, Files& files) {
    const bool unified = low.key.starts_with("unified.");
    if (!unified && where != ReservationFile::Low) files.add(low.key, "memory.min", limitText(low.value));
    if (unified || where != ReservationFile::Min) files.add(low.key, "memory.low", limitText(low.value));
}

} // namespace

GroupPlan planGroup(const Resources& resources, const Context& context) {
    const Wishes wishes = resolve(resources);
    Files files(&context.controllers);
    for (const auto& [file, wanted] : wishes.numbers)
        files.add(wanted.key, file, limitText(wanted.value));
    if (wishes.cpuIdle) files.add(wishes.cpuIdle->key, "cpu.idle", wishes.cpuIdle->value ? "1" : "0");
    if (wishes.cpuWeight) addWeight(*wishes.cpuWeight, WeightFormula::Quadratic, files);
    addCpuMax(wishes, files);
    addSets(wishes, files);
    addIo(wishes, files);
    for (const FileValue& file : wishes.files)
        files.add(file);
    addDevices(wishes, context, files);
    for (const Skip& one : wishes.skipped)
        files.skip(one.key, one.cause);
    files.plan.files = inOrder(std::move(files.plan.files), true);
    return std::move(files.plan);
}

GroupPlan planCompat(const Resources& resources, const CompatStyle& style) {
    const Wishes wishes = resolve(resources);
    Files files(nullptr);
    for (const auto& [file, wanted] : wishes.numbers)
        if (file == "memory.low")
            addReservation(wanted, style.reservation, files);
        else
            files.add(wanted.key, file, limitText(wanted.value));
    if (wishes.cpuIdle) files.add(wishes.cpuIdle->key, "cpu.idle", wishes.cpuIdle->value ? "1" : "0");
    if (wishes.cpuWeight) addWeight(*wishes.cpuWeight, style.weight, files);
    addCpuMax(wishes, files);
    addSets(wishes, files);
    for (const Skip& one : wishes.skipped)
        files.skip(one.key, one.cause);
    if (wishes.ioWeight) files.skip(wishes.ioWeight->key, kNotShown);
    for (const auto& [device, wanted] : wishes.ioWeights)
        files.skip(wanted.key, kNotShown);
    for (const auto& limits : wishes.ioMax)
        for (const auto& [device, wanted] : limits)
            files.skip(wanted.key, kNotShown);
    for (const auto& [device, wanted] : wishes.ioLatency)
        files.skip(wanted.key, kNotShown);
    for (const FileValue& file : wishes.files)
        files.skip(file.key, kNotShown);
    if (wishes.devices) files.skip("devices", kNotShown);
    files.plan.files = inOrder(std::move(files.plan.files), true);
    return std::move(files.plan);
}

} // namespace scopewright::limits
