// SPDX-License-Identifier: LGPL-2.1-or-later
#include "auth/polkit.h"

#include "base/log.h"
#include "bus/codec.h"

#include <algorithm>

namespace scopewright::auth {

namespace {

/// Rules are scripts that answer in milliseconds; a polkitd that hangs must not hang its callers' callers.
constexpr std::chrono::seconds kPatienceWithRules{5};
constexpr std::chrono::seconds kPatienceWithPeople{90};

/// dbus-daemon lets a connection wait for 128 answers, and the daemon needs some of them for PID 1's, whoever calls.
constexpr std::size_t kMostQuestions = 32;
constexpr std::size_t kMostQuestionsOfOne = 8;

bus::Message question(sd_bus* bus, const std::string& sender, const std::string& action, const Details& details,
                      bool interactive) {
    constexpr std::uint32_t kAllowUserInteraction = 1;
    bus::Message call = bus::methodCall(bus, "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
                                        "org.freedesktop.PolicyKit1.Authority", "CheckAuthorization");
    sd_bus_message* m = call.raw();
    constexpr const char* kWhat = "ask polkit";
    bus::check(sd_bus_message_append(m, "(sa{sv})s", "system-bus-name", 1, "name", "s", sender.c_str(), action.c_str()),
               kWhat);
    bus::check(sd_bus_message_open_container(m, 'a', "{ss}"), kWhat);
    for (const auto& [name, value] : details)
        bus::check(sd_bus_message_append(m, "{ss}", name.c_str(), value.c_str()), kWhat);
    bus::check(sd_bus_message_close_container(m), kWhat);
    bus::check(sd_bus_message_append(m, "us", interactive ? kAllowUserInteraction : 0U, ""), kWhat);
    return call;
}

} // namespace

Polkit::Turn::Turn(Polkit& polkit, uid_t user) : polkit_(polkit), user_(user) {
    polkit_.waiting_.push_back(this);
    polkit_.admit();
}

Polkit::Turn::~Turn() {
    leave();
}

void Polkit::Turn::leave() noexcept {
    if (std::exchange(left_, true)) return;
    if (std::erase(polkit_.waiting_, this) > 0) return;
    --polkit_.askedInAll_;
    const auto found = polkit_.asked_.find(user_);
    if (--found->second == 0) polkit_.asked_.erase(found);
}

void Polkit::Turn::over() {
    leave();
    polkit_.admit();
}

void Polkit::admit() {
    while (askedInAll_ < kMostQuestions) {
        const auto next =
            std::ranges::find_if(waiting_, [&](const Turn* turn) { return asked_[turn->user_] < kMostQuestionsOfOne; });
        if (next == waiting_.end()) return;
        Turn& turn = **next;
        waiting_.erase(next);
        ++askedInAll_;
        ++asked_[turn.user_];
        // Its task may have ended when this returns.
        turn.come_.complete(true);
    }
}

async::Task<Verdict> Polkit::check(std::string sender, uid_t user, std::string action, Details details,
                                   bool interactive) {
    Turn turn(*this, user);
    async::Completion<bool>& come = turn.come();
    co_await come;
    Verdict verdict = co_await ask(sender, std::move(action), std::move(details), interactive);
    // polkit knows nobody who has left, but people it asked before that answer later: their yes is then for nobody.
    bool there = true;
    if (interactive && verdict == Verdict::Yes) there = co_await isThere(std::move(sender));
    turn.over();
    if (!there) verdict = Verdict::No;
    co_return verdict;
}

async::Task<bool> Polkit::isThere(std::string name) {
    try {
        const bus::Message call = bus::methodCall(connection_.raw(), "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                                  "org.freedesktop.DBus", "NameHasOwner", name);
        bus::Message reply = co_await connection_.call(call, kPatienceWithRules);
        co_return std::get<0>(bus::unpack<bool>(reply));
    } catch (const Error& error) {
        log::warning(std::string("the bus does not say whether a caller is still there: ") + error.what());
    }
    co_return false;
}

async::Task<Verdict> Polkit::ask(std::string sender, std::string action, Details details, bool interactive) {
    try {
        const bus::Message call = question(connection_.raw(), sender, action, details, interactive);
        const std::chrono::seconds patience = interactive ? kPatienceWithPeople : kPatienceWithRules;
        bus::Message reply = co_await connection_.call(call, patience);
        int authorized = 0;
        int challenge = 0;
        bus::check(sd_bus_message_enter_container(reply.raw(), 'r', "bba{ss}"), "read polkit's answer");
        bus::check(sd_bus_message_read(reply.raw(), "bb", &authorized, &challenge), "read polkit's answer");
        co_return authorized ? Verdict::Yes : challenge ? Verdict::Challenge : Verdict::No;
    } catch (const Error& error) {
        // A host without polkit, or where it is masked, is a choice, and then only root and owners may.
        if (error.code() != ErrorCode::SystemdUnavailable && error.code() != ErrorCode::NotFound)
            log::warning("polkit does not say whether " + action + " is allowed: " + error.what());
    }
    co_return Verdict::No;
}

} // namespace scopewright::auth
