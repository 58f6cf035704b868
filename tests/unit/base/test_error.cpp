// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/error.h"

#include "catch.h"

#include <cerrno>
#include <map>
#include <set>

using namespace scopewright;

TEST_CASE("every error code has a D-Bus name that a bus accepts") {
    for (std::size_t code = 0; code < kErrorCodes; ++code) {
        const std::string name(dbusName(static_cast<ErrorCode>(code)));
        CAPTURE(code, name);
        CHECK(name.find('.') != std::string::npos);
        CHECK(name.size() < 256);
        CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._") ==
              std::string::npos);
        CHECK((name.starts_with("org.freedesktop.DBus.Error.") || name.starts_with("org.scopewright1.Error.")));
    }
}

TEST_CASE("the contract's error names are all there") {
    std::set<std::string> names;
    for (std::size_t code = 0; code < kErrorCodes; ++code)
        names.emplace(dbusName(static_cast<ErrorCode>(code)));
    for (const char* name : {"InvalidArgs", "AccessDenied", "InteractiveAuthorizationRequired", "LimitsExceeded",
                             "NotSupported", "Timeout", "IOError", "Failed", "UnixProcessIdUnknown"})
        CHECK(names.count(std::string("org.freedesktop.DBus.Error.") + name) == 1);
    for (const char* name :
         {"NoSuchSandbox", "SandboxExists", "TokenMismatch", "NoSuchGroup", "GroupExists", "Busy", "NotDelegated",
          "UnitNameTaken", "UnitFailed", "ProcessNotAllowed", "ForeignUnit", "SliceNotAllowed", "PropertyNotAllowed",
          "ControllerUnavailable", "WouldKill", "SystemdUnavailable", "OutcomeUnknown"})
        CHECK(names.count(std::string("org.scopewright1.Error.") + name) == 1);
}

TEST_CASE("what a caller can do about it decides which names are shared") {
    CHECK(dbusName(ErrorCode::UnitExists) == dbusName(ErrorCode::UnitNameTaken));
    CHECK(dbusName(ErrorCode::NoReply) == dbusName(ErrorCode::SystemdUnavailable));
    CHECK(dbusName(ErrorCode::PropertyRefused) == dbusName(ErrorCode::NotSupported));
}

TEST_CASE("well-known errnos become the code that says what to do") {
    const std::map<int, ErrorCode> codes{
        {EACCES, ErrorCode::AccessDenied},
        {EPERM, ErrorCode::AccessDenied},
        {ESRCH, ErrorCode::ProcessUnknown},
        {EBUSY, ErrorCode::Busy},
        {EAGAIN, ErrorCode::LimitsExceeded},
        {EMFILE, ErrorCode::LimitsExceeded},
        {ENFILE, ErrorCode::LimitsExceeded},
        {ENOSPC, ErrorCode::LimitsExceeded},
        {EIO, ErrorCode::Io},
        {ENOENT, ErrorCode::Io},
    };
    for (const auto& [number, code] : codes) {
        CAPTURE(number);
        CHECK(errnoError("open 'x'", number).code() == code);
    }
}

TEST_CASE("an errno error says what was tried and why it failed") {
    CHECK(std::string(errnoError("open 'x'", ENOENT).what()) == "open 'x': No such file or directory");
    errno = EIO;
    CHECK(std::string(errnoError("read 'y'").what()) == "read 'y': Input/output error");
}

TEST_CASE("printable text has no control characters, no backslash of its own and at most 64 bytes", "[attack-57]") {
    CHECK(printable("a b~") == "a b~");
    CHECK(printable("") == "");
    CHECK(printable("x\ny") == "x\\x0ay");
    CHECK(printable("\x1b[31m") == "\\x1b[31m");
    CHECK(printable("a\\b") == "a\\x5cb");
    CHECK(printable("\xc3\xa9") == "\\xc3\\xa9");
    CHECK(printable(std::string_view("\0", 1)) == "\\x00");
    CHECK(printable("\x7f") == "\\x7f");
    CHECK(printable(std::string(64, 'a')) == std::string(64, 'a'));
    CHECK(printable(std::string(65, 'a')) == std::string(64, 'a') + "...");
    CHECK(printable(std::string(16, '\n')).size() == 64);
    CHECK(printable(std::string(17, '\n')) == printable(std::string(16, '\n')) + "...");
    CHECK(printable(std::string(61, 'a') + "\n") == std::string(61, 'a') + "...");
}

TEST_CASE("a quoted name cannot end its line", "[attack-57]") {
    CHECK(quoted("x.scope") == "'x.scope'");
    CHECK(quoted("x\n<3>forged") == "'x\\x0a<3>forged'");
}
