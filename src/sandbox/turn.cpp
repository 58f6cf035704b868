// SPDX-License-Identifier: LGPL-2.1-or-later
// Whose turn it is to make a sandbox of a key: one at a time, and the same request again joins the first.
#include "base/error.h"
#include "sandbox/sandboxes.h"
#include "sandbox/wait.h"

namespace scopewright::sandbox {

Reservation::Reservation(Registry& registry, const SandboxSpec& spec) : registry_(&registry), key_(spec.key) {
    Sandbox sandbox;
    sandbox.key = spec.key;
    sandbox.unit = spec.unit;
    sandbox.slice = spec.slice;
    sandbox.record = spec.record;
    sandbox.resources = spec.resources;
    registry.add(std::move(sandbox));
}

Reservation::~Reservation() {
    if (registry_) registry_->retire(key_, "its start failed");
}

/// Returns when the key is free and PID 1 has room for another start; without that room when the sandbox that was asked
/// for is there.
async::Task<bus::Turns::Turn> Sandboxes::takeTurn(const SandboxSpec& spec) {
    const Deadline deadline(2 * host_.config.jobTimeout);
    std::optional<bus::Turns::Turn> turn;
    for (;;) {
        const Sandbox* present = registry_.find(spec.key);
        if (present && present->up()) {
            // It may have ended while PID 1's signal is still on its way.
            const std::string unit = present->unit;
            bool settled = co_await recovery_.settleOnce(unit);
            if (!settled) settled = co_await recovery_.settleOnce(unit);
            if (!settled) throw Error(ErrorCode::Busy, "sandbox " + quoted(label(spec.key)) + " is ending");
            present = registry_.find(spec.key);
        }
        if (present) {
            turn.reset();
            co_await join(spec.key, spec.record.token, spec.record.request);
            if (registry_.find(spec.key)) co_return bus::Turns::Turn();
            continue;
        }
        if (turn) co_return std::move(*turn);
        bus::Turns::Turn taken = co_await starts_.take(spec.key.uid, deadline.left());
        turn.emplace(std::move(taken));
    }
}

/// Returns when the sandbox runs, or is not there any more because the request that this one joined came to nothing.
async::Task<void> Sandboxes::join(Key key, std::string token, std::string request) {
    const Deadline deadline(2 * host_.config.jobTimeout);
    while (const Sandbox* present = registry_.find(key)) {
        if (token.empty() || present->record.token != token)
            throw Error(ErrorCode::SandboxExists, "sandbox " + quoted(label(key)) + " exists already");
        if (present->record.request != request)
            throw Error(ErrorCode::TokenMismatch,
                        "sandbox " + quoted(label(key)) + " was asked for with this token but other arguments");
        if (present->up()) co_return;
        if (present->state == State::Stopping)
            throw Error(ErrorCode::Busy, "sandbox " + quoted(label(key)) + " is stopping");
        co_await deadline.change(host_.event, registry_.changed(),
                                 "the start of sandbox " + quoted(label(key)) + " is not over");
    }
}

} // namespace scopewright::sandbox
