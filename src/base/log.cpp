// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>

namespace scopewright::log {

namespace {

spdlog::level::level_enum toSpdlog(Level level) {
    switch (level) {
        case Level::Error: return spdlog::level::err;
        case Level::Warning: return spdlog::level::warn;
        case Level::Info: return spdlog::level::info;
        case Level::Debug: return spdlog::level::debug;
    }
    return spdlog::level::info;
}

Level threshold = Level::Info;

/// Programs inherit JOURNAL_STREAM; only the device and inode in it say whether stderr still is the journal's stream.
bool isJournalStream() {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat errors {};
    if (!stream || ::fstat(STDERR_FILENO, &errors) < 0) return false;
    return stream == std::to_string(errors.st_dev) + ":" + std::to_string(errors.st_ino);
}

/// journald reads a leading "<N>" as the syslog priority (sd-daemon(3)); a person at a terminal wants the word.
void line(Level level, int priority, std::string_view text) {
    if (toJournal())
        spdlog::log(toSpdlog(level), "<{}>{}", priority, text);
    else
        spdlog::log(toSpdlog(level), "{}", text);
}

} // namespace

bool toJournal() {
    static const bool journal = isJournalStream();
    return journal;
}

void setUp(Level level) {
    std::shared_ptr<spdlog::logger> logger =
        std::make_shared<spdlog::logger>("scopewrightd", std::make_shared<spdlog::sinks::stderr_sink_st>());
    logger->set_pattern(toJournal() ? "%v" : "%H:%M:%S.%e %l: %v");
    logger->flush_on(spdlog::level::trace);
    spdlog::set_default_logger(std::move(logger));
    setLevel(level);
}

void setLevel(Level level) {
    threshold = level;
    spdlog::set_level(toSpdlog(level));
}

Level level() {
    return threshold;
}

void error(std::string_view text) {
    line(Level::Error, 3, text);
}
void warning(std::string_view text) {
    line(Level::Warning, 4, text);
}
void info(std::string_view text) {
    line(Level::Info, 6, text);
}
void debug(std::string_view text) {
    line(Level::Debug, 7, text);
}

} // namespace scopewright::log
