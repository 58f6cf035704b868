// SPDX-License-Identifier: LGPL-2.1-or-later
// One text as everything that can be a name: ids of sandboxes, what callers say for them, units, groups, cgroup paths.
#include "fuzz.h"

#include "cgroup/path.h"
#include "sandbox/names.h"

namespace scopewright::fuzz {

namespace {

constexpr std::string_view kIdCharacters = "abcdefghijklmnopqrstuvwxyz0123456789_.-";
constexpr std::string_view kUnitCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:_.-";

void asId(std::string_view text) {
    if (!accepts([&] { sandbox::checkId(text); })) return;
    expect(text.size() <= 64 && isOf(text, kIdCharacters) && isOf(text.substr(0, 1), kLower), "an id", text);
    const sandbox::Key key{4294967294, std::string(text)};
    const std::string unit = sandbox::defaultUnit(key);
    expect(unit.size() <= 255 && isOf(unit, kUnitCharacters), "a unit of ours that is no unit's name", unit);
    expect(!accepts([&] { sandbox::checkUnitName(unit); }), "a caller may choose a unit of ours", unit);
}

/// A caller means one sandbox by a text, and the sandbox's label means it to everybody.
void asLabel(std::string_view text, uid_t uid) {
    sandbox::Key key;
    if (!accepts([&] { key = sandbox::keyOf(text, uid); })) return;
    expect(accepts([&] { sandbox::checkId(key.id); }), "a key with an id that is none", text);
    const std::string label = sandbox::label(key);
    expect(sandbox::keyOf(label, 0) == key, "a label that means another sandbox to root", label);
    expect(key.uid == uid || text.find(':') != std::string_view::npos, "a plain id that is not the caller's own", text);
    expect(text == key.id || text == std::to_string(key.uid) + ":" + key.id, "a name of a sandbox", text);
}

void asUnit(std::string_view text) {
    if (!accepts([&] { sandbox::checkUnitName(text); })) return;
    expect(text.size() <= 255 && isOf(text, kUnitCharacters), "a unit's name", text);
    expect(text.ends_with(".scope") && text.size() > 6, "a unit that is no scope", text);
    expect(!text.starts_with("scopewright-"), "a unit of the form that we give", text);
    expect(text != "init.scope" && !text.starts_with("session-"), "a unit of systemd's own", text);
    expect(text.find("..") == 0 || !isOf(text.substr(0, 1), "-.:"), "a unit that begins like a path", text);
}

void asGroup(std::string_view text) {
    if (!accepts([&] { cgroup::checkGroupName(text); })) return;
    expect(text.size() <= cgroup::kLongestName, "a group's name that is too long", text);
    expect(isOf(text, "abcdefghijklmnopqrstuvwxyz0123456789_.:-") && isOf(text.substr(0, 1), kLower), "a group", text);
    for (std::string_view taken : {"cgroup.", "memory.max", "cpu.stat", "pids.max", "io.max", "cpuset.cpus"})
        expect(text != taken && !text.starts_with("cgroup."), "a group that is a file of the kernel's", text);
}

void asControlGroup(std::string_view text) {
    std::vector<std::string> parts;
    if (!accepts([&] { parts = cgroup::components(text); })) return;
    std::string again;
    for (const std::string& part : parts) {
        expect(!part.empty() && part != "." && part != ".." && part.find('/') == std::string::npos, "a step", text);
        again += "/" + part;
    }
    expect(again == text, "a control group that is another one when it is taken apart", text);
    expect(cgroup::contains(text, text) && cgroup::contains(text, again + "/x"), "what lies in itself", text);
    expect(!cgroup::contains(text, again + "x"), "a neighbour that lies within", text);
    const std::string slice = sandbox::sliceOf(again);
    expect(slice == (parts.size() == 1 ? "-.slice" : parts[parts.size() - 2]), "the slice", text);
}

void run(std::string_view input) {
    asId(input);
    asLabel(input, 0);
    asLabel(input, 1000);
    asUnit(input);
    asGroup(input);
    asControlGroup(input);
    static_cast<void>(sandbox::sliceOf(std::string(input)));
}

const Registration kTarget("names", run);

} // namespace

} // namespace scopewright::fuzz
