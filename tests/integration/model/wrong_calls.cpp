// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/wrong_calls.h"

#include "error_names.h"

#include <array>
#include <functional>

namespace scopewright::integration::model {

namespace {

constexpr std::uint64_t kNoFlags = 0;

struct Row {
    std::set<std::string> allowed;
    std::function<Answer(const Client&, const std::string&, std::uint32_t)> call;
};

Properties pids(std::vector<std::uint32_t> numbers) {
    return {{"PIDs", std::move(numbers)}};
}

Properties with(Properties properties, const std::string& name, Value value) {
    properties.push_back({name, std::move(value)});
    return properties;
}

Answer create(const Client& client, const std::string& id, const Properties& properties, std::uint64_t flags = 0) {
    return client.manager("CreateSandbox", id, properties, flags);
}

/// Where the sandbox exists, or the process is dead, that may be said first.
const std::array kRows{
    Row{{kInvalid}, [](auto& client, auto&, auto pid) { return create(client, "no id", pids({pid})); }},
    Row{{kInvalid}, [](auto& client, auto& id, auto) { return create(client, id, {}); }},
    Row{{kInvalid},
        [](auto& client, auto& id, auto pid) {
            return create(client, id, pids({pid, pid}));
        }},
    Row{{kInvalid}, [](auto& client, auto& id, auto) { return create(client, id, pids({0})); }},
    Row{{kInvalid}, [](auto& client, auto& id, auto pid) { return create(client, id, pids({pid}), 1); }},
    Row{{kBadProcess, kSandboxExists}, [](auto& client, auto& id, auto) { return create(client, id, pids({1})); }},
    Row{{kNotAllowed},
        [](auto& client, auto& id, auto pid) {
            return create(client, id, with(pids({pid}), "ExecStart", std::string("true")));
        }},
    Row{{kInvalid},
        [](auto& client, auto& id, auto pid) {
            return create(client, id, with(pids({pid}), "pids.limit", std::string("many")));
        }},
    Row{{kBadSlice},
        [](auto& client, auto& id, auto pid) {
            return create(client, id, with(pids({pid}), "Slice", std::string("system.slice")));
        }},
    Row{{kNoSandbox}, [](auto& client, auto&, auto) { return client.manager("StopSandbox", "nobody"); }},
    Row{{kNoSandbox}, [](auto& client, auto& id, auto) { return client.manager("GetSandbox", "12:" + id); }},
    Row{{kInvalid, kNoSandbox},
        [](auto& client, auto& id, auto) { return client.manager("KillSandbox", id, std::int32_t{0}); }},
    Row{{kInvalid, kNoSandbox},
        [](auto& client, auto& id, auto) {
            return client.manager("CreateCompatGroup", id, "memory.max", Properties(), kNoFlags);
        }},
    Row{{kInvalid, kNoSandbox},
        [](auto& client, auto& id, auto) {
            return client.manager("CreateGroup", id, "../c1", Properties(), kNoFlags);
        }},
    Row{{kInvalid, kNoSandbox},
        [](auto& client, auto& id, auto) {
            return client.manager("UpdateSandbox", id, Properties{{"memory.limit", std::int64_t{1}}});
        }},
    Row{{kNotAllowed, kNoSandbox},
        [](auto& client, auto& id, auto) {
            return client.manager("UpdateSandbox", id, Properties{{"Slice", std::string("machine.slice")}});
        }},
    Row{{kInvalid, kNoSandbox, kNoGroup},
        [](auto& client, auto& id, auto) {
            return client.manager("UpdateGroup", id, "c1", Properties{{"pids.limit", std::int64_t{-2}}});
        }},
};

} // namespace

WrongCall callWrongly(const Client& client, std::size_t number, const std::string& id, std::uint32_t pid) {
    const Row& row = kRows[number % kRows.size()];
    return {row.call(client, id, pid), row.allowed};
}

} // namespace scopewright::integration::model
