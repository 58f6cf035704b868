// SPDX-License-Identifier: LGPL-2.1-or-later
// For each argument of each method a value that is good and many that are not, made from the vtables: a method that is
// new is attacked without anybody having thought of it.
#pragma once

#include "sandbox/bench.h"

#include <functional>
#include <random>
#include <string>
#include <vector>

namespace scopewright::unit {

/// One value for one argument: how it is told to people, and how it is put into a message.
struct Offer {
    std::string text;
    std::function<void(sd_bus_message*)> append;
};

struct Argument {
    std::string name;
    std::string type;
};

struct Method {
    std::string interface;
    std::string name;
    std::vector<Argument> arguments;

    std::string signature() const;
};

/// All methods of all three interfaces.
std::vector<Method> allMethods();

/// What the values are made of: a sandbox "web" with a group "c", a scope that could be adopted, processes of each
/// kind.
class BadValues {
public:
    BadValues(Bench& bench, std::mt19937& dice);

    Offer good(const Method& method, const Argument& argument);
    /// Each of them is a reason to refuse the call, whatever the other arguments are.
    std::vector<Offer> bad(const Method& method, const Argument& argument);
    /// Printable or not, and never a name of anything.
    std::string nonsense();

private:
    std::vector<Offer> texts(const std::string& name);
    std::vector<Offer> lists(const std::string& method);

    std::mt19937& dice_;
    unsigned names_ = 0;
    Child& inside_;
    Child& outside_;
    Child& zombie_;
    Child& split_;
    UniqueFd file_;
};

} // namespace scopewright::unit
