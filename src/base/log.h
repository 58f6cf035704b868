// SPDX-License-Identifier: LGPL-2.1-or-later
// Log lines for the journal (or a terminal). Only this file's .cpp knows spdlog, whose headers cost seconds to compile.
#pragma once

#include <string_view>

namespace scopewright::log {

enum class Level { Error, Warning, Info, Debug };

/// Whether stderr is the journal's.
bool toJournal();

/// Lines go to stderr; under systemd they carry the <N> prefix by which the journal learns their priority.
void setUp(Level threshold);
void setLevel(Level threshold);
Level level();

/// One complete line each. Text that came from outside must have passed printable() or a grammar check.
void error(std::string_view line);
void warning(std::string_view line);
void info(std::string_view line);
void debug(std::string_view line);

} // namespace scopewright::log
