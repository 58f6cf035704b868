// SPDX-License-Identifier: LGPL-2.1-or-later
// The arguments of CreateSandbox, AdoptSandbox, CreateGroup and UpdateSandbox: an id or name in the first line, then
// properties (see values.h). What comes out goes to PID 1, into records and into files.
#include "examine.h"
#include "fuzz.h"
#include "sandbox/sandbox.h"
#include "sandbox/spec.h"
#include "state/record.h"
#include "values.h"

namespace scopewright::fuzz {

namespace {

const config::Config kConfig;

void checkSpec(const sandbox::SandboxSpec& spec, const sandbox::Key& key) {
    expect(isOf(spec.unit, std::string(kAlphanumeric) + ":_.-") && spec.unit.ends_with(".scope"), "a unit", spec.unit);
    const std::string description = state::describe(spec.words, spec.record);
    // These come back from a unit file as they went into it.
    expect(isOf(description, std::string(kAlphanumeric) + " =:._-[]"), "what PID 1 is told", description);
    const state::ReadRecord read = state::readRecord(description);
    expect(read.state == state::RecordState::Ours && read.record == spec.record, "a record", description);
    expect(read.record.unit == spec.unit && read.record.id == key.id && read.record.uid == key.uid, "whose",
           description);
    expect((!spec.timeoutStop || spec.timeoutStop->count() > 0) && (!spec.runtimeMax || spec.runtimeMax->count() > 0),
           "a time", description);
    examine(spec.resources);
}

void asSandbox(const sandbox::Key& key, const Properties& properties) {
    accepts([&] {
        const sandbox::SandboxSpec spec = sandbox::parseSandbox(key, properties, 0, kConfig);
        checkSpec(spec, key);
        const std::size_t named = spec.numbers.size() + spec.descriptors;
        expect(named > 0 && named <= kConfig.processesPerCall, "processes", spec.unit);
        accepts([&] {
            sandbox::SandboxSpec opened = sandbox::parseSandbox(key, properties, 0, kConfig);
            sandbox::openProcesses(opened, properties);
            expect(opened.processes.size() <= named, "processes", spec.unit);
        });
        const bool allowed =
            key.uid == 0 ? config::allowsSlice(kConfig, spec.slice) : spec.slice == config::userSlice(kConfig, key.uid);
        expect(allowed, "a slice that is not the caller's", spec.slice);
    });
}

void asGroup(const char* kind, const sandbox::Key& key, const std::string& name, const Properties& properties) {
    config::Config config;
    config.nameTemplate = "x-{id}-{name}";
    for (const config::Config* rules : {&kConfig, static_cast<const config::Config*>(&config)})
        accepts([&] {
            const sandbox::GroupSpec spec = sandbox::parseGroup(kind, key, name, properties, 0, *rules);
            expect(spec.name == name && isOf(spec.directory, std::string(kLower) + "_.:-"), "a group", spec.directory);
            expect(isOf(spec.directory.substr(0, 1), kLower), "a group's first letter", spec.directory);
            examine(spec.resources);
        });
}

void run(std::string_view input) {
    const std::string name(takeLine(input));
    const Properties properties = toProperties(input);
    for (uid_t uid : {uid_t(0), uid_t(1000)}) {
        const sandbox::Key key{uid, name};
        asSandbox(key, properties);
        accepts([&] { checkSpec(sandbox::parseAdoption(key, name + ".scope", properties, 0, kConfig), key); });
    }
    for (const char* kind : {sandbox::kCompat, sandbox::kProcess})
        asGroup(kind, sandbox::Key{0, "demo"}, name, properties);
    accepts([&] { examine(sandbox::parseUpdate(properties, kConfig)); });
    for (const Property& property : properties)
        accepts([&] { sandbox::parseProcesses(Property{"pids", property.value}, kConfig); });
}

const Registration kTarget("requests", run);

} // namespace

} // namespace scopewright::fuzz
