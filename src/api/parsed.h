// SPDX-License-Identifier: LGPL-2.1-or-later
// What a caller asks for, between being read and being allowed.
#pragma once

#include "auth/polkit.h"
#include "base/error.h"
#include "sandbox/spec.h"

#include <exception>
#include <optional>
#include <string>
#include <utility>

namespace scopewright::api {

/// A request as it was understood, or what is wrong with it. Who may not ask is told that before anything else, and
/// what polkit is asked about stays as it is until its answer.
class Parsed {
public:
    template <class Parse>
    explicit Parsed(Parse parse) {
        try {
            spec_.emplace(parse());
        } catch (const Error&) {
            wrong_ = std::current_exception();
        }
    }

    /// For a request that is wrong `unit` and `slice` are what it could have had: who may ask is to learn what is
    /// wrong.
    auth::Details details(const std::string& id, const std::string& unit = "", const std::string& slice = "") const {
        return {{"id", printable(id)}, {"unit", spec_ ? spec_->unit : unit}, {"slice", spec_ ? spec_->slice : slice}};
    }

    sandbox::SandboxSpec take() {
        if (wrong_) std::rethrow_exception(wrong_);
        return std::move(*spec_);
    }

private:
    std::optional<sandbox::SandboxSpec> spec_;
    std::exception_ptr wrong_;
};

} // namespace scopewright::api
