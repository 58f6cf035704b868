// SPDX-License-Identifier: LGPL-2.1-or-later
#include "limits/wishes.h"

#include "limits/block_io.h"
#include "limits/convert.h"
#include "limits/keyed.h"
#include "limits/properties.h"

#include <algorithm>

namespace scopewright::limits {

namespace {

void resolveMemory(const Resources& r, Wishes& wishes) {
    const auto number = [&](const char* file, const char* key, const std::optional<std::uint64_t>& value) {
        if (value) wishes.numbers[file] = {key, *value};
    };
    if (r.memoryLimit) number("memory.max", "memory.limit", unlimitedIfNegative(*r.memoryLimit));
    if (r.memoryReservation) number("memory.low", "memory.reservation", unlimitedIfNegative(*r.memoryReservation));
    number("memory.swap.max", "memory.swap", swapAlone(r.memoryLimit, r.memorySwap));
    if (r.pidsLimit) number("pids.max", "pids.limit", unlimitedIfNegative(*r.pidsLimit));
    if (r.cpuBurst) number("cpu.max.burst", "cpu.burst", static_cast<std::uint64_t>(*r.cpuBurst));
}

void resolveCpu(const Resources& r, Wishes& wishes) {
    if (r.cpuShares) wishes.cpuWeight = {"cpu.shares", {static_cast<std::uint64_t>(*r.cpuShares), true}};
    if (r.cpuIdle) wishes.cpuIdle = {"cpu.idle", *r.cpuIdle == 1};
    if (r.cpuQuota || r.cpuPeriod)
        wishes.cpuMax = {r.cpuQuota ? "cpu.quota" : "cpu.period",
                         {r.cpuQuota.value_or(-1), r.cpuPeriod.value_or(kDefaultPeriod)}};
    if (r.cpus) wishes.sets["cpuset.cpus"] = {"cpu.cpus", parseCpuList("cpu.cpus", *r.cpus)};
    if (r.mems) wishes.sets["cpuset.mems"] = {"cpu.mems", parseCpuList("cpu.mems", *r.mems)};
}

void resolveBlockIo(const Resources& r, Wishes& wishes) {
    if (r.blkioWeight) wishes.ioWeight = {"blockIO.weight", {static_cast<std::uint64_t>(*r.blkioWeight), true}};
    if (r.weightDevice)
        for (const auto& [device, weight] : *r.weightDevice) {
            if (weight.weight != 0 || weight.leafWeight == 0)
                wishes.ioWeights[device] = {"blockIO.weightDevice", {weight.weight, true}};
            const Skip leaf{"blockIO.weightDevice", kNoSuchFile};
            if (weight.leafWeight != 0 && std::ranges::find(wishes.skipped, leaf) == wishes.skipped.end())
                wishes.skipped.push_back(leaf);
        }
    const std::array<const std::optional<Rates>*, kIoLimits.size()> rates{&r.readBps, &r.writeBps, &r.readIops,
                                                                          &r.writeIops};
    constexpr std::array<const char*, kIoLimits.size()> kKeys{
        "blockIO.throttleReadBpsDevice", "blockIO.throttleWriteBpsDevice", "blockIO.throttleReadIOPSDevice",
        "blockIO.throttleWriteIOPSDevice"};
    for (std::size_t limit = 0; limit < rates.size(); ++limit)
        if (*rates[limit])
            for (const auto& [device, rate] : **rates[limit])
                wishes.ioMax[limit][device] = {kKeys[limit], rateLimit(rate, isOperations(limit))};
}

void resolveKeyed(const Resources& r, Wishes& wishes) {
    if (r.hugepages)
        for (const auto& [size, bytes] : *r.hugepages) {
            const std::string prefix = "hugetlb." + size;
            wishes.files.push_back(fileValue("hugepageLimits", prefix + ".max", limitText(bytes)));
            // Since Linux 5.6 pages are counted when they are reserved, too; else mmap() succeeds and the first touch
            // is SIGBUS.
            FileValue reserved = fileValue("hugepageLimits", prefix + ".rsvd.max", limitText(bytes));
            reserved.ifPresent = true;
            wishes.files.push_back(reserved);
        }
    if (r.rdma)
        for (const auto& [device, limit] : *r.rdma)
            wishes.files.push_back(fileValue("rdma", "rdma.max", device + " " + toText(limit)));
    if (r.devices) wishes.devices = *r.devices;
}

/// What only v1 had, where it asks for anything at all.
void resolveOldTimes(const Resources& r, Wishes& wishes) {
    const auto skip = [&](const char* key, bool wanted) {
        if (wanted) wishes.skipped.push_back(Skip{key, kNoSuchFile});
    };
    skip("blockIO.leafWeight", r.blkioLeafWeight.has_value());
    skip("cpu.realtimePeriod", r.realtimePeriod.has_value());
    skip("cpu.realtimeRuntime", r.realtimeRuntime.has_value());
    skip("memory.disableOOMKiller", r.disableOomKiller.value_or(false));
    skip("memory.kernel", r.memoryKernel.has_value());
    skip("memory.kernelTCP", r.memoryKernelTcp.has_value());
    skip("memory.swappiness", r.memorySwappiness.has_value());
    skip("memory.useHierarchy", !r.useHierarchy.value_or(true));
    skip("network.classID", r.networkClass.has_value());
    skip("network.priorities", r.networkPriorities && !r.networkPriorities->empty());
}

/// Puts one file of unified in the place of what a field said.
class Overlay {
public:
    explicit Overlay(Wishes& wishes) : wishes_(wishes) {}

    void apply(const std::string& file, const std::string& value) {
        const std::string key = "unified." + file;
        if (file == "cpu.weight")
            replace(wishes_.cpuWeight, key, CpuWeight{parseNumber(value).value_or(0), false});
        else if (file == "cpu.idle")
            replace(wishes_.cpuIdle, key, value == "1");
        else if (file == "cpu.max")
            replaceCpuMax(key, parseCpuMax(value));
        else if (file == "cpuset.cpus" || file == "cpuset.mems")
            replaceIn(wishes_.sets, file, key, parseCpuList(file, value));
        else if (file == "io.weight" || file == "io.bfq.weight")
            applyWeights(file, key, value);
        else if (file == "io.max")
            applyIoMax(key, value);
        else if (file == "io.latency")
            for (const IoLatencyLine& line : parseIoLatency(value))
                wishes_.ioLatency[line.device] = {key, line.target};
        else if (const PropertyRule* rule = ruleOfFile(file); rule && isNumber(file))
            replaceIn(wishes_.numbers, file, key, value == "max" ? kInfinity : parseNumber(value).value_or(0));
        else
            applyLines(file, key, value);
    }

private:
    /// The others of the table have their own branch above, or lines.
    static bool isNumber(std::string_view file) {
        return file.starts_with("memory.") || file == "pids.max" || file == "cpu.max.burst";
    }

    void drop(const std::string& key) {
        if (std::ranges::find(wishes_.overridden, key) == wishes_.overridden.end()) wishes_.overridden.push_back(key);
    }

    template <class T>
    void replace(std::optional<Wanted<T>>& wanted, const std::string& key, T value) {
        if (wanted) drop(wanted->key);
        wanted = Wanted<T>{key, std::move(value)};
    }

    template <class Map, class T>
    void replaceIn(Map& map, const typename Map::key_type& at, const std::string& key, T value) {
        if (const auto present = map.find(at); present != map.end()) drop(present->second.key);
        map.insert_or_assign(at, typename Map::mapped_type{key, std::move(value)});
    }

    void replaceCpuMax(const std::string& key, CpuMax max) {
        if (wishes_.cpuMax && wishes_.cpuMax->key == "cpu.quota" && wishes_.cpuMax->value.period != max.period)
            drop("cpu.period");
        replace(wishes_.cpuMax, key, max);
    }

    void applyWeights(const std::string& file, const std::string& key, const std::string& value) {
        const bool bfq = file == "io.bfq.weight";
        for (const WeightLine& line : parseWeights(file, value))
            if (line.device)
                replaceIn(wishes_.ioWeights, *line.device, key, IoWeight{line.weight, bfq});
            else
                replace(wishes_.ioWeight, key, IoWeight{line.weight, bfq});
    }

    void applyIoMax(const std::string& key, const std::string& value) {
        for (const IoMaxLine& line : parseIoMax(value))
            for (std::size_t limit = 0; limit < line.limits.size(); ++limit)
                if (line.limits[limit]) replaceIn(wishes_.ioMax[limit], line.device, key, *line.limits[limit]);
    }

    void applyLines(const std::string& file, const std::string& key, const std::string& value) {
        for (std::string_view line : split(value, '\n')) {
            const std::string_view subject = line.substr(0, line.find(' '));
            std::erase_if(wishes_.files, [&](const FileValue& present) {
                // Of a file with a line for each device, only the line for this one.
                const bool same = present.file == file && !present.key.starts_with("unified.") &&
                                  (file != "rdma.max" || present.value.substr(0, present.value.find(' ')) == subject);
                if (same) drop(present.key);
                return same;
            });
            // An empty set; see cpuSetLine().
            wishes_.files.push_back(fileValue(key, file, line.empty() ? "\n" : std::string(line)));
        }
    }

    Wishes& wishes_;
};

} // namespace

FileValue fileValue(const std::string& key, const std::string& file, const std::string& value) {
    const bool inner = file == "memory.max" || file == "cpu.max.burst";
    const int rank = file == "cpu.idle" && value == "0" ? 0 : inner ? 2 : 1;
    return FileValue{controllerOf(file), key, file, value, false, "", rank, ""};
}

std::string cpuSetLine(const CpuMask& mask) {
    return mask.empty() ? "\n" : cpuListText(mask);
}

Wishes resolve(const Resources& resources) {
    Wishes wishes;
    resolveMemory(resources, wishes);
    resolveCpu(resources, wishes);
    resolveBlockIo(resources, wishes);
    resolveKeyed(resources, wishes);
    resolveOldTimes(resources, wishes);
    if (resources.unified)
        for (const auto& [file, value] : *resources.unified)
            Overlay(wishes).apply(file, value);
    // An idle group has no weight; only the word of unified counts more.
    if (wishes.cpuIdle && wishes.cpuIdle->value && wishes.cpuWeight) {
        const bool said = wishes.cpuWeight->key.starts_with("unified.") && wishes.cpuIdle->key == "cpu.idle";
        if (said) {
            wishes.overridden.push_back(wishes.cpuIdle->key);
            wishes.cpuIdle->value = false;
        } else {
            wishes.skipped.push_back(Skip{wishes.cpuWeight->key, kIdleGroup});
            wishes.cpuWeight.reset();
        }
    }
    return wishes;
}

} // namespace scopewright::limits
