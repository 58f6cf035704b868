// SPDX-License-Identifier: LGPL-2.1-or-later
// What the daemon's program does besides serving.
#include "catch.h"
#include "private_bus/private_bus.h"

#include <fstream>
#include <sstream>

using namespace scopewright::integration;

namespace {

struct Result {
    std::optional<int> status;
    std::string output;
};

Result daemon(const std::vector<std::string>& arguments) {
    std::vector<std::string> argv{daemonProgram()};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    Program program(argv);
    const std::optional<int> status = program.wait();
    return {status, program.output()};
}

std::string contentOf(const std::string& file) {
    std::ifstream stream(file);
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
}

} // namespace

TEST_CASE("the installed interfaces are what the daemon speaks") {
    std::string all;
    for (const char* interface : {"org.scopewright1.Manager", "org.scopewright1.Sandbox", "org.scopewright1.Group"}) {
        CAPTURE(interface);
        const Result printed = daemon({std::string("--print-introspection=") + interface});
        CHECK(printed.status == 0);
        const std::string file = contentOf(sourceFile(std::string("dbus/") + interface + ".xml"));
        // The first line is the file's licence.
        CHECK(file.starts_with("<!-- SPDX-License-Identifier: "));
        CHECK(file.substr(file.find('\n') + 1) == printed.output);
        all += printed.output;
    }
    CHECK(daemon({"--print-introspection"}).output.find("org.scopewright1.Manager") != std::string::npos);
    CHECK(daemon({"--print-introspection=org.example.Nothing"}).status == 1);
}

TEST_CASE("a good configuration is a good one, and a bad one is told with line and column") {
    Directory directory;
    const std::string good = directory.write("good.toml", "[daemon]\nidle-timeout = \"10s\"\n");
    Result result = daemon({"--check-config", good});
    CHECK(result.status == 0);
    CHECK(result.output.empty());

    const std::string unknown = directory.write("unknown.toml", "[daemon]\n\n  idle-time = \"10s\"\n");
    result = daemon({"--check-config", good, unknown});
    CHECK(result.status == 1);
    CHECK(result.output.find(unknown + ":3:3: ") != std::string::npos);
    CHECK(result.output.find("idle-time") != std::string::npos);

    const std::string wrong = directory.write("wrong.toml", "[daemon]\nidle-timeout = \"soon\"\n");
    result = daemon({"--check-config", wrong});
    CHECK(result.status == 1);
    CHECK(result.output.find(wrong + ":2:") != std::string::npos);

    const std::string broken = directory.write("broken.toml", "[daemon\n");
    result = daemon({"--check-config", broken});
    CHECK(result.status == 1);
    CHECK(result.output.find(broken + ":1:") != std::string::npos);

    CHECK(daemon({"--check-config", directory.path("absent.toml")}).status == 1);
}

TEST_CASE("without a file the configuration that would be in force is checked") {
    CHECK(daemon({"--check-config"}).status == 0);
    PrivateBus bus;
    bus.configure("[sandbox]\nmax-depth = 99\n");
    const Result result = daemon({"--check-config"});
    CHECK(result.status == 1);
    CHECK(result.output.find("/run/scopewright/scopewright.toml.d/50-test.toml:2:") != std::string::npos);
    bus.configure("[sandbox]\nmax-depth = 9\n");
    CHECK(daemon({"--print-config"}).output.find("max-depth = 9") != std::string::npos);
}

TEST_CASE("the shipped configuration is what is in force without one") {
    CHECK(daemon({"--check-config", sourceFile("conf/scopewright.toml")}).status == 0);
    Directory directory;
    const Result printed = daemon({"--print-config"});
    CHECK(printed.status == 0);
    CHECK(daemon({"--check-config", directory.write("printed.toml", printed.output)}).output.empty());
}

TEST_CASE("the table of properties is printed against the systemd that runs, or another one") {
    const auto verdict = [](const std::string& text, const std::string& property) {
        const std::size_t at = text.find(property + " ");
        const std::size_t start = at == std::string::npos ? at : text.rfind('\n', at) + 1;
        return at == std::string::npos ? "" : text.substr(start, text.find(' ', start) - start);
    };
    PrivateBus bus("252.39-1~deb12u2");
    const Result here = daemon({"--features"});
    CHECK(here.status == 0);
    CHECK(verdict(here.output, "AllowedCPUs") == "yes");
    CHECK(verdict(here.output, "OOMPolicy") == "no");
    CHECK(verdict(here.output, "PIDFDs") == "no");
    const Result newer = daemon({"--features=255.4"});
    CHECK(verdict(newer.output, "OOMPolicy") == "yes");
    CHECK(verdict(newer.output, "PIDFDs") == "yes");
    CHECK(daemon({"--features=newest"}).status == 1);
    bus.kill();
    CHECK(daemon({"--features"}).status == 1);
}

TEST_CASE("help and version are printed, and wrong arguments refused") {
    CHECK(daemon({"--version"}).output.find(SCOPEWRIGHT_VERSION) != std::string::npos);
    CHECK(daemon({"--version"}).status == 0);
    CHECK(daemon({"--help"}).output.find("--check-config") != std::string::npos);
    CHECK(daemon({"--no-such-option"}).status == 2);
    CHECK(daemon({"argument"}).status == 2);
}

TEST_CASE("the program has no switch that is for tests", "[attack-67]") {
    const std::string program = contentOf(daemonProgram());
    REQUIRE(program.starts_with("\x7f"
                                "ELF"));
    // A variable of ours would stand there by its name, as what is looked for first does.
    REQUIRE(program.find("org.scopewright1.Manager") != std::string::npos);
    for (const char* word : {"SCOPEWRIGHT_", "failpoint", "FAILPOINT", "inject"}) {
        CAPTURE(word);
        CHECK(program.find(word) == std::string::npos);
    }
}
