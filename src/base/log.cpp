// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/log.h"

#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
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

/// Standard error, as long as somebody reads it: a journal that hangs, or a pipe that is full, must not hold up what
/// the line is about. What is lost is counted, and told when there is room again.
class Sink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        spdlog::memory_buf_t text;
        formatter_->format(message, text);
        if (lost_ > 0) {
            const std::string told = std::to_string(lost_) + " lines of the log were lost, since nobody read it\n";
            if (!put(told.data(), told.size())) {
                ++lost_;
                return;
            }
            lost_ = 0;
        }
        if (!put(text.data(), text.size())) ++lost_;
    }
    void flush_() override {}

private:
    /// A pipe, or a stream, that is ready takes a line of this length without waiting.
    static bool put(const char* text, std::size_t size) {
        constexpr std::size_t kLongest = 2048;
        pollfd ready{STDERR_FILENO, POLLOUT, 0};
        if (::poll(&ready, 1, 0) <= 0 || (ready.revents & POLLOUT) == 0) return false;
        return ::write(STDERR_FILENO, text, std::min(size, kLongest)) >= 0;
    }

    std::size_t lost_ = 0;
};

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
    std::shared_ptr<spdlog::logger> logger = std::make_shared<spdlog::logger>("scopewrightd", std::make_shared<Sink>());
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
