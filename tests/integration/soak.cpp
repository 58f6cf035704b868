// SPDX-License-Identifier: LGPL-2.1-or-later
#include "soak.h"

#include "answers.h"
#include "child.h"
#include "error_names.h"
#include "model/observe.h"
#include "wait.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string_view>

namespace scopewright::integration {

namespace {

using Clock = std::chrono::steady_clock;

/// The call may have been carried out or not: the daemon died with it, or before it could take it.
bool isLost(const std::string& error) {
    constexpr std::string_view kBus = "org.freedesktop.DBus.Error.";
    for (const char* name : {"NoReply", "Timeout", "Disconnected", "ServiceUnknown", "NameHasNoOwner"})
        if (error == std::string(kBus) + name) return true;
    // A daemon that is killed before it owns its name was "not started" by the bus.
    return error.starts_with(std::string(kBus) + "Spawn.") || error == "org.scopewright1.Error.OutcomeUnknown";
}

/// One client: it owns one sandbox at a time, and has one call under way, or the same one twice.
class Session {
public:
    Session(const model::World& world, SoakResult& result, std::size_t number)
        : world_(world), result_(result), number_(number) {}
    Session(Session&&) = delete;

    sd_bus* bus() const noexcept { return client_.raw(); }
    bool busy() const noexcept { return !pending_.empty(); }

    void begin(std::size_t round) {
        // Ids come again, as those of pods do.
        round_ = round;
        id_ = "c" + std::to_string(number_) + "-" + std::to_string(round % 3);
        token_ = "t" + std::to_string(number_) + "." + std::to_string(round);
        child_ = std::make_unique<Child>();
        go(Step::Create);
    }

    /// Takes an answer if there is one. True if something has happened.
    bool work() {
        bool worked = false;
        while (bus::check(sd_bus_process(bus(), nullptr), "wait for answers") > 0)
            worked = true;
        if (!busy() || !std::ranges::all_of(pending_, [](const auto& one) { return one->over(); })) return worked;
        std::vector<Answer> answers;
        for (const std::unique_ptr<Pending>& one : pending_)
            answers.push_back(one->wait());
        pending_.clear();
        const auto lost = std::ranges::count_if(answers, [](const Answer& answer) { return isLost(answer.error); });
        result_.lost += static_cast<std::size_t>(lost);
        if (lost > 0) {
            inDoubt_ = true;
            ask();
        } else {
            if (answers.size() > 1 && answers[0].ok())
                expect(answers[1].ok() && createdBy(answers[0]) == createdBy(answers[1]),
                       "the same request at the same time is answered otherwise: " + answers[1].error + " " +
                           answers[1].text);
            take(answers[0]);
        }
        return true;
    }

private:
    enum class Step { Create, CreateAgain, CreateGroup, Find, Stop, Vanish };

    /// How a round ends: the sandbox is stopped, or its process dies, sometimes before the sandbox is made.
    bool isDoomed() const noexcept { return round_ % 7 == 3; }
    bool diesByItself() const noexcept { return round_ % 5 == 2; }

    void go(Step step) {
        step_ = step;
        inDoubt_ = false;
        if (step == Step::Vanish) {
            child_->kill();
            deadline_ = Clock::now() + patience();
        }
        ask();
        if (step == Step::Create && isDoomed()) child_->kill();
    }

    void ask() {
        constexpr std::uint64_t kNoFlags = 0;
        const auto request = [&](const char* member, const auto&... args) {
            return client_.request(kManagerPath, kManager, member, args...);
        };
        const auto message = [&] {
            switch (step_) {
                case Step::Create:
                case Step::CreateAgain: {
                    const Properties properties{
                        {"PIDs", numbers({child_.get()})}, {"Token", token_}, {"pids.limit", std::int64_t{64}}};
                    return request("CreateSandbox", id_, properties, kNoFlags);
                }
                case Step::CreateGroup: return request("CreateCompatGroup", id_, "c1", Properties(), kNoFlags);
                case Step::Find: return request("GetSandboxByPID", child_->number());
                case Step::Stop: return request("StopSandbox", id_);
                case Step::Vanish: break;
            }
            return request("GetSandbox", id_);
        };
        // A client that is impatient asks again before it has its answer; the two may differ if the process dies
        // between them.
        const std::size_t times = step_ == Step::Create && round_ % 4 == 0 && !isDoomed() ? 2 : 1;
        while (pending_.size() < times)
            pending_.push_back(std::make_unique<Pending>(client_, message()));
    }

    void wrong(const std::string& what) { result_.wrong.push_back(id_ + " " + token_ + ": " + what); }

    void expect(bool holds, const std::string& what) {
        if (!holds) wrong(what);
    }

    void take(const Answer& answer) {
        // What has been done by a call whose answer was lost is done.
        const bool done = inDoubt_ && ((step_ == Step::CreateGroup && answer.error == kGroupExists) ||
                                       (step_ == Step::Stop && answer.error == kNoSandbox));
        // The kernel does not move a process that is exiting; that may show before its end does.
        const bool gone = answer.error == kNoProcess || answer.error == kUnitFailed;
        if (step_ == Step::Create && isDoomed() && (answer.ok() || gone)) return go(Step::Vanish);
        if (step_ == Step::Vanish) return takeAbsence(answer);
        if (!answer.ok() && !done) {
            wrong(std::string(kSteps[static_cast<std::size_t>(step_)]) + (inDoubt_ ? " again" : "") +
                  " is refused: " + answer.error + ": " + answer.text);
            return end();
        }
        switch (step_) {
            case Step::Create:
                created_ = createdBy(answer);
                expect(created_.object == sandboxPath(id_), "its object is " + created_.object);
                expect(child_->controlGroup() == created_.payload(), "its process is in " + child_->controlGroup());
                return go(Step::CreateAgain);
            case Step::CreateAgain:
                expect(createdBy(answer) == created_, "the same request is answered otherwise");
                return go(Step::CreateGroup);
            case Step::CreateGroup:
                expect(exists(created_.controlGroup + "/c1"), "its group has no directory");
                return go(Step::Find);
            case Step::Find: {
                const std::string object = std::get<0>(answer.get<bus::ObjectPath>()).path;
                expect(object == created_.object, "its process belongs to " + object);
                return go(diesByItself() ? Step::Vanish : Step::Stop);
            }
            case Step::Vanish: return;
            case Step::Stop:
                // Somebody else may just be ending what an earlier daemon began to end.
                expect(done ? eventually([&] { return !child_->alive(); }) : !child_->alive(),
                       "its process outlives it");
                expect(done ? eventually([&] { return !exists(created_.controlGroup); })
                            : !exists(created_.controlGroup),
                       "its directory outlives it");
                return end();
        }
    }

    /// PID 1 and the daemon learn of a death in their own time.
    void takeAbsence(const Answer& answer) {
        if (answer.ok() && Clock::now() < deadline_) return ask();
        expect(answer.error == kNoSandbox, "it outlives its process: " + answer.error);
        const std::string directory = world_.slice + "/scopewright-0-" + id_ + ".scope";
        expect(eventually([&] { return !exists(directory); }), "its directory outlives its process");
        end();
    }

    /// The child dies here, whatever has become of its sandbox.
    void end() {
        child_.reset();
        ++result_.ended;
    }

    bool exists(const std::string& controlGroup) const {
        return ::access(world_.directory(controlGroup).c_str(), F_OK) == 0;
    }

    static constexpr const char* kSteps[] = {"CreateSandbox",     "CreateSandbox once more",
                                             "CreateCompatGroup", "GetSandboxByPID",
                                             "StopSandbox",       "GetSandbox"};

    const model::World& world_;
    SoakResult& result_;
    std::size_t number_;
    Client client_;
    std::size_t round_ = 0;
    std::string id_;
    std::string token_;
    std::unique_ptr<Child> child_;
    Step step_ = Step::Create;
    bool inDoubt_ = false; ///< an earlier call of this step got no answer
    Created created_;
    Clock::time_point deadline_;
    std::vector<std::unique_ptr<Pending>> pending_;
};

/// Until there is something to read or to write, or for `most`.
void await(const std::vector<std::unique_ptr<Session>>& sessions, std::chrono::milliseconds most) {
    std::vector<pollfd> all;
    for (const std::unique_ptr<Session>& session : sessions) {
        const int events = bus::check(sd_bus_get_events(session->bus()), "wait for answers");
        all.push_back({sd_bus_get_fd(session->bus()), static_cast<short>(events), 0});
    }
    ::poll(all.data(), all.size(), static_cast<int>(std::max(most, std::chrono::milliseconds(0)).count()));
}

class Killer {
public:
    Killer(const model::World& world, std::chrono::milliseconds between) : world_(world), between_(between) { plan(); }

    std::chrono::milliseconds left() const {
        if (between_.count() == 0) return std::chrono::seconds(1);
        return std::chrono::duration_cast<std::chrono::milliseconds>(next_ - Clock::now()) +
               std::chrono::milliseconds(1);
    }

    /// Kills the daemon if it is time to. True if there was one to kill.
    bool work() {
        if (between_.count() == 0 || Clock::now() < next_) return false;
        plan();
        const pid_t daemon = world_.daemon();
        return daemon > 0 && ::kill(daemon, SIGKILL) == 0;
    }

private:
    void plan() {
        const double factor = static_cast<double>(random_() % 1000) / 500;
        next_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(between_ * factor);
    }

    const model::World& world_;
    std::chrono::milliseconds between_;
    std::minstd_rand random_;
    Clock::time_point next_;
};

} // namespace

SoakResult soak(const model::World& world, const SoakPlan& plan) {
    SoakResult result;
    std::vector<std::unique_ptr<Session>> sessions;
    for (std::size_t number = 0; number < plan.clients; ++number)
        sessions.push_back(std::make_unique<Session>(world, result, number));
    Killer killer(world, plan.betweenKills);
    const Clock::time_point begin = Clock::now();
    std::size_t begun = 0;
    while (result.ended < plan.sandboxes) {
        if (Clock::now() > begin + plan.limit) {
            result.wrong.push_back("after " + std::to_string(plan.limit.count()) + " s only " +
                                   std::to_string(result.ended) + " sandboxes have come and gone");
            break;
        }
        if (killer.work()) ++result.kills;
        bool worked = false;
        for (const std::unique_ptr<Session>& session : sessions) {
            worked = session->work() || worked;
            if (session->busy() || begun == plan.sandboxes) continue;
            session->begin(begun++);
            worked = true;
        }
        if (!worked) await(sessions, killer.left());
    }
    sessions.clear();
    const Client client;
    model::Follower follower(client);
    eventually([&] { return (result.left = model::observe(client, follower, world, {}, "").lines).empty(); });
    const std::chrono::duration<double> taken = Clock::now() - begin;
    std::printf("%zu sandboxes of %zu clients in %.1f s; the daemon was killed %zu times, %zu calls got no answer\n",
                result.ended, plan.clients, taken.count(), result.kills, result.lost);
    return result;
}

std::size_t wantedSandboxes(std::size_t otherwise) {
    const char* text = std::getenv("SCOPEWRIGHT_SOAK_SANDBOXES");
    return text && *text ? static_cast<std::size_t>(std::strtoull(text, nullptr, 10)) : otherwise;
}

} // namespace scopewright::integration
