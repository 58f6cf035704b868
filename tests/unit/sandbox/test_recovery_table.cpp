// SPDX-License-Identifier: LGPL-2.1-or-later
// The recovery table in reality: each state is built in PID 1 and in the kernel, a daemon is started, and what has
// become of unit, directories and processes is compared with the row.
#include "bench.h"
#include "cgroup/group.h"
#include "recovery_table.h"
#include "state/marks.h"
#include "state/text.h"

#include <algorithm>

using namespace scopewright;
using namespace scopewright::unit;
using sandbox::UnitState;
using sandbox::Verdict;
using state::RecordState;

namespace {

std::string described(RecordState state) {
    const std::string unit = sandbox::defaultUnit(sandbox::Key{0, "web"});
    const state::Record record{"web", 0, unit, "", "0123456789abcdef", std::nullopt, std::nullopt};
    std::string text = state::describe("Sandbox web", record);
    switch (state) {
        case RecordState::Ours: break;
        case RecordState::Foreign: return "Somebody else's scope";
        case RecordState::Corrupt: text[text.find("id=web") + 3] = 'b'; break;
        case RecordState::Newer:
            text = "Sandbox web [scopewright " + state::seal("v=9 id=web uid=0 unit=" + unit + " tok= req=0") + "]";
            break;
    }
    return text;
}

/// One state of the machine, with the daemon away.
struct Stage {
    Stage(const RecoveryRow& row, RecordState record)
        : unit(bench.unitOf("web")), scope(bench.scopeOf("web")), payload(scope + "/payload") {
        bench.crash();
        if (row.populated) child = &bench.child();
        putUnit(row, record);
        if (row.payload) bench.tree().make(payload);
        if (row.ready) mark();
        if (child) {
            // A start that was cut short may have left its processes in either.
            bench.tree().make(scope);
            REQUIRE(bench.tree().move(row.payload ? payload : scope, child->pid()));
        }
        home = child ? child->controlGroup() : "";
        asked = bench.systemd.log().size();
        directories = bench.tree().below(bench.tree().prefix());
    }

    void putUnit(const RecoveryRow& row, RecordState record) {
        if (row.unit == UnitState::Absent) {
            // Without a record there is no unit; with one PID 1 has it in memory a little longer.
            if (record != RecordState::Foreign) bench.systemd.addUnit(unit, described(record), "inactive");
            return;
        }
        fake::Unit& there = bench.systemd.addUnit(unit, described(record), "active");
        there.activeState = toString(row.unit);
        if (row.unit == UnitState::Activating || row.unit == UnitState::Deactivating) {
            there.job = 7777;
            there.jobType = row.unit == UnitState::Activating ? "start" : "stop";
        }
    }

    void mark() {
        const std::optional<cgroup::Group> group = cgroup::Group::openRoot(bench.tree().mountPoint()).open(payload);
        REQUIRE(group);
        state::setMark(group->boundaryFile().value(), state::Mark{"payload", "payload", "", {}});
    }

    bool marked() {
        const std::optional<cgroup::Group> group = cgroup::Group::openRoot(bench.tree().mountPoint()).open(payload);
        return group && state::readMark(group->boundaryFile().value()).has_value();
    }

    bool wasAsked(const std::string& what) const {
        const std::vector<std::string>& log = bench.systemd.log();
        return std::find(log.begin() + static_cast<std::ptrdiff_t>(asked), log.end(), what + " " + unit) != log.end();
    }

    void checkUntouched() {
        CHECK(bench.systemd.log().size() == asked);
        CHECK(bench.tree().below(bench.tree().prefix()) == directories);
        if (child) CHECK(child->controlGroup() == home);
    }

    void checkUnknown() {
        CHECK(bench.list().empty());
        CHECK(bench.answer(bench.manager(Bench::kRoot, "GetSandbox", "web"))->error == ours("NoSuchSandbox"));
        CHECK(bench.answer(bench.manager(Bench::kRoot, "StopSandbox", "web"))->error == ours("NoSuchSandbox"));
    }

    void checkWhole() {
        CHECK(bench.list() == Lines{"web " + unit + " 0 /org/scopewright1/sandbox/web"});
        CHECK(bench.state("web") == "running");
        CHECK(bench.groups("web") == Lines{"payload payload"});
        CHECK(marked());
        REQUIRE(child);
        CHECK(child->controlGroup() == payload);
        CHECK(bench.systemd.find(unit) != nullptr);
        CHECK_FALSE(wasAsked("StopUnit"));
    }

    void check(Verdict outcome) {
        if (outcome != Verdict::Wait) REQUIRE(bench.until([&] { return bench.service().idle(); }));
        switch (outcome) {
            case Verdict::Ignore:
            case Verdict::SetAside:
                checkUntouched();
                checkUnknown();
                break;
            case Verdict::Forget:
                checkUnknown();
                if (child) CHECK(child->controlGroup() == home);
                CHECK_FALSE(wasAsked("StopUnit"));
                break;
            case Verdict::Wait:
                bench.settle();
                checkUntouched();
                checkUnknown();
                CHECK_FALSE(bench.service().idle());
                break;
            case Verdict::Keep:
                checkUntouched();
                checkWhole();
                break;
            case Verdict::Finish:
                checkWhole();
                CHECK(bench.tree().read(payload, "cgroup.max.depth") == "8\n");
                break;
            case Verdict::Stop:
                CHECK(wasAsked("StopUnit"));
                CHECK(bench.systemd.find(unit) == nullptr);
                CHECK_FALSE(bench.tree().exists(scope));
                checkUnknown();
                break;
        }
        if (child) CHECK(child->alive());
    }

    Bench bench;
    std::string unit;
    std::string scope;
    std::string payload;
    Child* child = nullptr;
    std::string home;
    std::size_t asked = 0;
    Lines directories;
};

Verdict outcomeOf(RecoveryRow row, UnitState unit) {
    row.unit = unit;
    const auto same = [&](const RecoveryRow& one) {
        return one.unit == row.unit && one.record == row.record && one.payload == row.payload &&
               one.ready == row.ready && one.populated == row.populated;
    };
    return std::find_if(kRecoveryTable.begin(), kRecoveryTable.end(), same)->outcome;
}

} // namespace

TEST_CASE("each state of the recovery table that there can be has its outcome in PID 1, in the kernel and in answers",
          "[fault-3][fault-54][fault-55][fault-56][fault-58]") {
    NEEDS_CGROUPS();
    int built = 0;
    for (const RecoveryRow& row : kRecoveryTable) {
        if (*row.unreal) continue;
        for (const RecordState record : recordStates(row.record)) {
            CAPTURE(toString(row.unit), toString(record), row.payload, row.ready, row.populated, toString(row.outcome));
            Stage stage(row, record);
            stage.bench.restart();
            stage.check(row.outcome);
            if (row.unit == UnitState::Failed)
                CHECK((stage.bench.systemd.find(stage.unit) == nullptr) == (row.record == Whose::Ours));
            ++built;
        }
    }
    CHECK(built == 90 + 30);
}

TEST_CASE("what recovery waits for gets the outcome of the state that it comes to", "[fault-16]") {
    NEEDS_CGROUPS();
    for (const RecoveryRow& row : kRecoveryTable) {
        if (*row.unreal || row.outcome != Verdict::Wait) continue;
        CAPTURE(toString(row.unit), row.payload, row.ready, row.populated);
        Stage stage(row, RecordState::Ours);
        stage.bench.restart();
        fake::Unit* unit = stage.bench.systemd.find(stage.unit);
        REQUIRE(unit);
        unit->job = 0;
        const bool started = row.unit == UnitState::Activating;
        unit->activeState = started ? "active" : "inactive";
        stage.check(outcomeOf(row, started ? UnitState::Active : UnitState::Absent));
    }
}
