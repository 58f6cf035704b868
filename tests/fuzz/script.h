// SPDX-License-Identifier: LGPL-2.1-or-later
// Method calls and events as text, blocks between empty lines:
//
//     root Manager CreateSandbox                 alice Sandbox/demo org.freedesktop.DBus.Properties.GetAll
//     s demo                                     s org.scopewright1.Sandbox
//     + PIDs au $0
//     + memory.limit t 536870912                 & bob Group/demo/payload Update
//     t 0                                        a(sv)
//
// The first line says who calls what; the object is "Manager", "Sandbox/ID", "Group/ID/NAME" or a path. An argument is
// a line with its type and its value (see values.h), or lines that begin with '+': the properties of one a(sv). With
// '&' the next block does not wait for the answer. A block that begins with '!' is an event: see fuzz_messages.cpp.
#pragma once

#include "bus/bus.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace scopewright::fuzz {

struct Step {
    bool event = false;
    bool waits = true;
    std::vector<std::string> words; ///< of the first line, without '&' and '!'
    std::vector<std::string_view> arguments;
};

/// At most `most` of them.
std::vector<Step> parseScript(std::string_view text, std::size_t most);

/// The descriptor that "$n", "null" or anything else stands for in types h and ah; nothing of it is kept.
using Descriptors = std::function<int(std::string_view)>;

/// The call of a step. Throws Error for what cannot be put into a message: no bus would carry it.
bus::Message toCall(sd_bus* bus, const Step& step, const Descriptors& descriptors);

} // namespace scopewright::fuzz
