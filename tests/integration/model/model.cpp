// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/model.h"

#include "answers.h"
#include "error_names.h"

#include <algorithm>
#include <iterator>

namespace scopewright::integration::model {

namespace {

using Names = std::set<std::string>;

std::string toText(const Value& value) {
    if (const std::int64_t* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
    std::string text;
    if (const auto* pairs = std::get_if<std::vector<std::pair<std::string, std::uint64_t>>>(&value))
        for (const auto& [name, number] : *pairs)
            text += (text.empty() ? "" : " ") + name + "=" + std::to_string(number);
    return text;
}

/// Each of the sets' dictionaries has one entry at most, always the same.
void merge(ResourceTexts& base, const Properties& update) {
    for (const auto& [key, text] : toTexts(update))
        base.insert_or_assign(key, text);
}

std::string toText(const ResourceTexts& resources) {
    std::string text;
    for (const auto& [key, value] : resources)
        text += " " + key + "=" + value;
    return text;
}

} // namespace

ResourceTexts toTexts(const Properties& resources) {
    ResourceTexts texts;
    for (const Property& property : resources)
        texts.insert_or_assign(property.name, toText(property.value));
    return texts;
}

std::string foreignUnit(std::size_t sandbox) {
    return "foreign-" + sandboxId(sandbox) + ".scope";
}

std::string Model::unitOf(std::size_t sandbox) const {
    const auto found = sandboxes_.find(sandbox);
    return found == sandboxes_.end() ? "scopewright-0-" + sandboxId(sandbox) + ".scope" : found->second.unit;
}

bool Model::isFree(std::size_t process) const {
    return processes_[process].alive && !processes_[process].sandbox;
}

Operation Model::resolved(const Operation& operation) const {
    const auto found = sandboxes_.find(operation.sandbox);
    if (found != sandboxes_.end() && found->second.frozen) {
        Operation other = operation;
        if (operation.verb == Verb::KillSandbox) other.number = 0;
        if (operation.verb == Verb::End) other.verb = Verb::StopSandbox;
        return other;
    }
    if (operation.verb != Verb::CreateAgain) return operation;
    Operation again = operation;
    if (const auto last = lastCreate_.find(operation.sandbox); last != lastCreate_.end()) again = last->second;
    again.verb = Verb::Create;
    return again;
}

bool Model::isSameRequest(const ModelSandbox& sandbox, const Operation& create) const {
    const bool sameProcesses = std::ranges::all_of(processesOf(create), [&](std::size_t process) {
        return processes_[process].generation == sandbox.generations[process];
    });
    std::vector<std::size_t> before = processesOf(sandbox.request);
    std::vector<std::size_t> now = processesOf(create);
    std::ranges::sort(before);
    std::ranges::sort(now);
    return sameProcesses && before == now && toTexts(resourcesOf(sandbox.request)) == toTexts(resourcesOf(create));
}

bool Model::isPopulated(std::size_t sandbox, const std::string& group) const {
    return std::ranges::any_of(processes_, [&](const ModelProcess& process) {
        return process.alive && process.sandbox == sandbox && (group.empty() || process.group == group);
    });
}

bool Model::takesProcesses(std::size_t sandbox, const std::string& group) const {
    const auto found = sandboxes_.find(sandbox);
    if (found == sandboxes_.end()) return false;
    const auto there = found->second.groups.find(group);
    return there != found->second.groups.end() && there->second.kind != "compat";
}

std::set<std::string> Model::refusals(const Operation& o) const {
    const auto found = sandboxes_.find(o.sandbox);
    const ModelSandbox* sandbox = found == sandboxes_.end() ? nullptr : &found->second;
    const std::string name = groupName(o.group);
    const bool has = sandbox && sandbox->groups.contains(name);
    switch (o.verb) {
        case Verb::Create: {
            const std::string wanted = token(o.number);
            if (sandbox && (wanted.empty() || sandbox->token != wanted)) return {kSandboxExists};
            if (sandbox) return isSameRequest(*sandbox, o) ? Names{} : Names{kMismatch};
            Names refusals;
            for (std::size_t process : processesOf(o)) {
                if (!processes_[process].alive) refusals.insert(kNoProcess);
                if (processes_[process].alive && processes_[process].sandbox) refusals.insert(kForeignUnit);
            }
            return refusals;
        }
        case Verb::CreateCompatGroup:
        case Verb::CreateGroup:
            if (!sandbox) return {kNoSandbox};
            return has ? Names{kGroupExists} : Names{};
        case Verb::UpdateGroup:
        case Verb::RemoveGroup:
            if (!sandbox) return {kNoSandbox};
            if (!has) return {kNoGroup};
            if (name == groupName(kGroups - 1)) return {kInvalid};
            if (o.verb == Verb::RemoveGroup && isPopulated(o.sandbox, name)) return {kBusy};
            return {};
        case Verb::Attach: {
            if (!sandbox) return {kNoSandbox};
            Names refusals;
            if (!has) refusals.insert(kNoGroup);
            if (has && !takesProcesses(o.sandbox, name)) refusals.insert(kInvalid);
            if (!processes_[o.process].alive) refusals.insert(kNoProcess);
            return refusals;
        }
        case Verb::Adopt:
            if (sandbox) return {kSandboxExists};
            return isFree(o.process) ? Names{} : Names{kUnitFailed};
        case Verb::UpdateSandbox:
        case Verb::Freeze:
        case Verb::Thaw:
        case Verb::Get:
        case Verb::KillSandbox:
        case Verb::StopSandbox: return sandbox ? Names{} : Names{kNoSandbox};
        case Verb::GetByPid: {
            const ModelProcess& process = processes_[o.process];
            if (!process.alive) return {kNoSandbox, kNoProcess};
            return process.sandbox ? Names{} : Names{kNoSandbox};
        }
        // What nobody is asked for is done.
        default: return {};
    }
}

void Model::create(const Operation& o) {
    ModelSandbox sandbox;
    sandbox.unit = unitOf(o.sandbox);
    sandbox.token = token(o.number);
    sandbox.request = o;
    sandbox.resources = toTexts(resourcesOf(o));
    sandbox.groups[groupName(kGroups - 1)] = {"payload", sandbox.resources};
    for (std::size_t process : processesOf(o)) {
        sandbox.generations[process] = processes_[process].generation;
        processes_[process].sandbox = o.sandbox;
        processes_[process].group = groupName(kGroups - 1);
    }
    sandboxes_[o.sandbox] = sandbox;
    lastCreate_[o.sandbox] = o;
}

void Model::adopt(const Operation& o) {
    ModelSandbox sandbox;
    sandbox.unit = foreignUnit(o.sandbox);
    sandbox.resources = toTexts(resourcesOf(o));
    sandbox.groups[groupName(kGroups - 1)] = {"payload", sandbox.resources};
    processes_[o.process].sandbox = o.sandbox;
    processes_[o.process].group = groupName(kGroups - 1);
    sandboxes_[o.sandbox] = sandbox;
}

void Model::move(const Operation& o) {
    processes_[o.process].sandbox = o.sandbox;
    processes_[o.process].group = groupName(o.group);
    endEmpty();
    // The kernel freezes or thaws it in its own time.
    for (const auto& [number, sandbox] : sandboxes_)
        settling_ = settling_ || sandbox.frozen;
}

void Model::kill(std::size_t sandbox) {
    for (ModelProcess& process : processes_)
        if (process.sandbox == sandbox) process.alive = false;
}

void Model::endEmpty() {
    const std::size_t before = sandboxes_.size();
    std::erase_if(sandboxes_, [&](const auto& entry) { return !isPopulated(entry.first, ""); });
    settling_ = settling_ || sandboxes_.size() != before;
}

void Model::carryOut(const Operation& o) {
    const std::string name = groupName(o.group);
    const auto found = sandboxes_.find(o.sandbox);
    ModelProcess& process = processes_[o.process];
    settling_ = false;
    switch (o.verb) {
        case Verb::Create:
            if (found == sandboxes_.end()) create(o);
            break;
        case Verb::CreateCompatGroup: found->second.groups[name] = {"compat", toTexts(resourcesOf(o))}; break;
        case Verb::CreateGroup: found->second.groups[name] = {"process", toTexts(resourcesOf(o))}; break;
        case Verb::UpdateSandbox:
            merge(found->second.resources, resourcesOf(o));
            found->second.groups[groupName(kGroups - 1)].resources = found->second.resources;
            break;
        case Verb::UpdateGroup: merge(found->second.groups[name].resources, resourcesOf(o)); break;
        case Verb::RemoveGroup: found->second.groups.erase(name); break;
        case Verb::Attach: move(o); break;
        case Verb::Freeze: found->second.frozen = true; break;
        case Verb::Thaw: found->second.frozen = false; break;
        case Verb::Adopt: adopt(o); break;
        case Verb::StopSandbox:
            kill(o.sandbox);
            sandboxes_.erase(o.sandbox);
            break;
        case Verb::KillSandbox:
        case Verb::End:
            if (found == sandboxes_.end()) break;
            kill(o.sandbox);
            // An answer says that the signal was sent, or that the unit is stopped.
            settling_ = true;
            endEmpty();
            break;
        case Verb::Kill:
            process.alive = false;
            endEmpty();
            break;
        case Verb::Spawn:
            if (!process.alive) process = ModelProcess{true, process.generation + 1, std::nullopt, ""};
            break;
        case Verb::Enter:
            if (process.alive && takesProcesses(o.sandbox, name)) move(o);
            break;
        default: break;
    }
}

std::vector<std::string> Model::lines() const {
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < processes_.size(); ++i) {
        const ModelProcess& process = processes_[i];
        const std::string place = !process.sandbox ? "at home" : "in " + unitOf(*process.sandbox) + "/" + process.group;
        lines.push_back("process " + std::to_string(i) + " " + (process.alive ? place : "dead"));
    }
    for (const auto& [number, sandbox] : sandboxes_) {
        const std::string& unit = sandbox.unit;
        lines.push_back("unit " + unit);
        lines.push_back("directory " + unit);
        lines.push_back("listed " + sandboxId(number) + " " + unit + " 0");
        lines.push_back("sandbox " + sandboxId(number) + " " + unit + (sandbox.frozen ? " frozen" : " running") +
                        toText(sandbox.resources));
        lines.push_back("told of " + sandboxPath(sandboxId(number)));
        for (const auto& [name, group] : sandbox.groups) {
            lines.push_back("told of " + groupPath(sandboxId(number), name));
            lines.push_back("directory " + unit + "/" + name);
            if (sandbox.frozen && group.kind != "compat") lines.push_back("frozen " + unit + "/" + name);
            lines.push_back("group " + unit + "/" + name + " " + group.kind + toText(group.resources));
        }
    }
    std::ranges::sort(lines);
    return lines;
}

std::vector<ModelValue> Model::values() const {
    std::vector<ModelValue> values;
    for (const auto& [number, sandbox] : sandboxes_) {
        for (const auto& [key, value] : sandbox.resources)
            values.push_back({sandbox.unit, "", key, value, false});
        for (const auto& [name, group] : sandbox.groups)
            if (group.kind != "payload")
                for (const auto& [key, value] : group.resources)
                    values.push_back({sandbox.unit, name, key, value, group.kind == "compat"});
    }
    return values;
}

} // namespace scopewright::integration::model
