// SPDX-License-Identifier: LGPL-2.1-or-later
// When PID 1 refuses a property that our table thought it knew: one such property makes it refuse the whole call.
#include "base/log.h"
#include "sandbox/enforcer.h"

#include <algorithm>
#include <exception>

namespace scopewright::sandbox {

/// Awaits `call`, which sent `properties`. False if PID 1 lacks one of them, which every plan leaves out from now on:
/// plan and call again. That happens as often as there are properties to learn of, and in all once for each.
async::Task<bool> Enforcer::taken(async::Task<void> call, const Properties& properties) {
    std::exception_ptr refusal;
    try {
        co_await call;
    } catch (const Error& error) {
        if (error.code() != ErrorCode::PropertyRefused) throw;
        refusal = std::current_exception();
    }
    if (!refusal) co_return true;
    // Which one it was stands only in the words of PID 1's error. What it has at all it says by its interface:
    // init.scope is a scope that is always there.
    const std::string always = "init.scope";
    Properties known = co_await host_.systemd.scopeProperties(always);
    bool learnt = false;
    for (const Property& property : properties) {
        if (std::ranges::find(known, property.name, &Property::name) != known.end()) continue;
        // Another call may have learnt it while this one was under way.
        learnt = true;
        if (std::ranges::find(notTaken_, property.name) != notTaken_.end()) continue;
        log::warning("systemd " + std::to_string(host_.systemdVersion) + " refuses " + property.name +
                     ", which it should know; it is left out from now on");
        notTaken_.push_back(property.name);
    }
    if (!learnt) std::rethrow_exception(refusal);
    co_return false;
}

} // namespace scopewright::sandbox
