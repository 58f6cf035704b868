// SPDX-License-Identifier: LGPL-2.1-or-later
// Device programs in an interpreter of the few instructions they consist of: no kernel so far offers BPF_PROG_TEST_RUN
// for this type.
#include "catch.h"
#include "device_rules.h"

#include <linux/bpf.h>

using namespace scopewright;
using cgroup::assembleDeviceFilter;
using cgroup::DeviceRule;
using unit::kM;
using unit::kR;
using unit::kW;
using unit::permitted;
using Request = unit::DeviceRequest;
using Rules = unit::DeviceRules;

namespace {

/// -1 if the program does what a verifier would not accept. `visited` counts how often each instruction was reached.
int interpret(const std::vector<bpf_insn>& code, const Request& request, std::vector<unsigned>& visited) {
    const std::uint32_t type = request.type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;
    const std::uint32_t context[3] = {request.access << 16 | type, request.major, request.minor};
    std::uint64_t reg[BPF_REG_10 + 1] = {};
    for (std::size_t at = 0; at < code.size(); ++at) {
        const bpf_insn& step = code[at];
        const auto value = static_cast<std::uint32_t>(step.imm);
        const auto low = static_cast<std::uint32_t>(reg[step.dst_reg]);
        ++visited[at];
        if (step.off < 0) return -1;
        const auto ahead = static_cast<std::size_t>(step.off);
        switch (step.code) {
            case BPF_LDX | BPF_MEM | BPF_W:
                if (step.src_reg != BPF_REG_1 || ahead % 4 != 0 || ahead > 8) return -1;
                reg[step.dst_reg] = context[ahead / 4];
                break;
            case BPF_ALU64 | BPF_MOV | BPF_K: reg[step.dst_reg] = value; break;
            case BPF_ALU | BPF_AND | BPF_K: reg[step.dst_reg] = low & value; break;
            case BPF_ALU | BPF_RSH | BPF_K: reg[step.dst_reg] = low >> value; break;
            case BPF_JMP | BPF_JA: at += ahead; break;
            case BPF_JMP32 | BPF_JEQ | BPF_K: at += low == value ? ahead : 0; break;
            case BPF_JMP32 | BPF_JNE | BPF_K: at += low != value ? ahead : 0; break;
            case BPF_JMP32 | BPF_JSET | BPF_K: at += (low & value) != 0 ? ahead : 0; break;
            case BPF_JMP | BPF_EXIT: return static_cast<int>(reg[BPF_REG_0]);
            default: return -1;
        }
    }
    return -1;
}

int interpret(const Rules& rules, const Request& request) {
    const std::vector<bpf_insn> code = assembleDeviceFilter(rules);
    std::vector<unsigned> visited(code.size());
    return interpret(code, request, visited);
}

} // namespace

TEST_CASE("the last rule that names an access decides about it") {
    struct Row {
        Rules rules;
        Request request;
        int verdict;
    };
    const DeviceRule denyAll{};
    const DeviceRule allowAll{.allow = true};
    const DeviceRule nullAll{true, 'c', 1, 3, kM | kR | kW};
    const DeviceRule noWrite{false, 'c', 1, 3, kW};
    const std::vector<Row> rows{
        {{}, {'c', 1, 3, kR}, 0},
        {{}, {'c', 1, 3, 0}, 1},
        {{allowAll}, {'b', 8, 1, kM | kR | kW}, 1},
        {{allowAll}, {'b', 8, 1, kR | 8}, 0},
        {{allowAll, denyAll}, {'b', 8, 1, kR}, 0},
        {{denyAll, nullAll}, {'c', 1, 3, kR | kW}, 1},
        {{denyAll, nullAll}, {'b', 1, 3, kR}, 0},
        {{denyAll, nullAll}, {'c', 1, 4, kR}, 0},
        {{denyAll, nullAll}, {'c', 2, 3, kR}, 0},
        {{denyAll, nullAll, noWrite}, {'c', 1, 3, kR | kM}, 1},
        {{denyAll, nullAll, noWrite}, {'c', 1, 3, kW}, 0},
        {{denyAll, nullAll, noWrite}, {'c', 1, 3, kR | kW}, 0},
        {{noWrite, allowAll}, {'c', 1, 3, kW}, 1},
        // What no DeviceAllow= can say: a minor alone, a hole, two rules that only together suffice.
        {{{true, 'c', {}, 3, kR}}, {'c', 77, 3, kR}, 1},
        {{{true, 'c', {}, 3, kR}}, {'c', 77, 4, kR}, 0},
        {{{true, 'c', {}, {}, kM}, {false, 'c', 1, 3, kM}}, {'c', 1, 3, kM}, 0},
        {{{true, 'c', {}, {}, kM}, {false, 'c', 1, 3, kM}}, {'c', 1, 5, kM}, 1},
        {{{true, 'c', 1, 3, kR}, {true, 'a', 1, 3, kW}}, {'c', 1, 3, kR | kW}, 1},
        {{{true, 'b', 0x80000001, 0xffffffff, kR}}, {'b', 0x80000001, 0xffffffff, kR}, 1},
        {{{true, 'b', 0x80000001, 0xffffffff, kR}}, {'b', 1, 0xffffffff, kR}, 0},
    };
    for (std::size_t i = 0; i < rows.size(); ++i) {
        CAPTURE(i);
        CHECK(interpret(rows[i].rules, rows[i].request) == rows[i].verdict);
        CHECK(permitted(rows[i].rules, rows[i].request) == (rows[i].verdict == 1));
    }
}

TEST_CASE("a program decides what the rules say, for random rules and requests") {
    unit::DeviceDice dice;
    CAPTURE(dice.seed);
    unsigned wrong = 0;
    unsigned allowed = 0;
    for (unsigned i = 0; i < 4000; ++i) {
        const Rules rules = dice.rules();
        const std::vector<bpf_insn> code = assembleDeviceFilter(rules);
        std::vector<unsigned> visited(code.size());
        for (unsigned k = 0; k < 50; ++k) {
            const Request request = dice.request();
            const bool wanted = permitted(rules, request);
            allowed += wanted;
            wrong += interpret(code, request, visited) != wanted;
        }
    }
    CHECK(wrong == 0);
    // Neither answer is rare.
    CHECK(allowed > 20000);
    CHECK(allowed < 180000);
}

TEST_CASE("a rule that means nothing is refused, and so is a list without end") {
    CHECK_CODE(assembleDeviceFilter({{true, 'p', 1, 3, kR}}), InvalidArgument);
    CHECK_CODE(assembleDeviceFilter({{true, 'c', 1, 3, 0}}), InvalidArgument);
    CHECK_CODE(assembleDeviceFilter({{true, 'c', 1, 3, 8}}), InvalidArgument);
    CHECK_NOTHROW(assembleDeviceFilter(Rules(cgroup::kMostDeviceRules)));
    CHECK_CODE(assembleDeviceFilter(Rules(cgroup::kMostDeviceRules + 1)), LimitsExceeded);
}
