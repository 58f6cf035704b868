// SPDX-License-Identifier: LGPL-2.1-or-later
// Properties as lines of text, so that the corpus can be read and a fuzzer finds its way by words:
//
//     memory.limit t 536870912            unified a{ss} memory.high|1G;io.max|8:0 rbps=max
//     cpu.cpus s 0-3,8                    blockIO.weightDevice a(st) 8:16|100;8:32|200
//     PIDs au 1;$0                        Slice x 5
//
// Items stand between ';', the halves of a pair are parted by '|', and "\n", "\\" and "\x07" are escapes.
#pragma once

#include "base/value.h"

#include <functional>
#include <string_view>

namespace scopewright::fuzz {

/// A signature that no Value has makes an Unreadable.
Property toProperty(std::string_view line);
Value toValue(std::string_view signature, std::string_view text);
Properties toProperties(std::string_view text);

/// "-1", "18446744073709551615", "max"; 0 for what is no number.
std::uint64_t toNumber(std::string_view text);

/// Which process "$0", "$1", … are in a list of type "au". Once this is set, no other process of this machine can be
/// named there: a number that could be somebody's becomes one of these. Without it they are all this process.
using Processes = std::function<std::uint32_t(std::uint64_t index)>;
void setProcesses(Processes processes);

} // namespace scopewright::fuzz
