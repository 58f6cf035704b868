// SPDX-License-Identifier: LGPL-2.1-or-later
// Catch2 version 2 or 3, whichever the distribution has, and a way to skip that both know.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

#include "base/error.h"

#include <string>

namespace scopewright::unit {

/// The running test case counts as skipped, not as passed.
void noteSkip(const std::string& why);

/// Has the running test case this tag?
bool isTagged(const std::string& tag);

/// The name of the code that `act` throws, as an answer on the bus would carry it; "" when it throws nothing.
template <class Act>
std::string errorOf(Act act) {
    try {
        act();
    } catch (const Error& error) {
        return std::string(dbusName(error.code()));
    }
    return "";
}

/// The same with the code itself, for those that share a name.
template <class Act>
int codeOf(Act act) {
    try {
        act();
    } catch (const Error& error) {
        return static_cast<int>(error.code());
    }
    return -1;
}

} // namespace scopewright::unit

/// Only directly in a test case.
#define SKIP_TEST(why)                                                                                                 \
    do {                                                                                                               \
        ::scopewright::unit::noteSkip(why);                                                                            \
        return;                                                                                                        \
    } while (false)

/// REQUIRE that the expression throws Error with this code (without its "ErrorCode::").
#define REQUIRE_CODE(expression, name)                                                                                 \
    REQUIRE(::scopewright::unit::codeOf([&] { (void)(expression); }) ==                                                \
            static_cast<int>(::scopewright::ErrorCode::name))
#define CHECK_CODE(expression, name)                                                                                   \
    CHECK(::scopewright::unit::codeOf([&] { (void)(expression); }) == static_cast<int>(::scopewright::ErrorCode::name))
