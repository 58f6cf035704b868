// SPDX-License-Identifier: LGPL-2.1-or-later
#include "auth/polkit.h"

#include "base/log.h"
#include "bus/codec.h"

#include <optional>

namespace scopewright::auth {

namespace {

/// Rules are scripts that answer in milliseconds; a polkitd that hangs must not hang its callers' callers.
constexpr std::chrono::seconds kPatienceWithRules{5};
constexpr std::chrono::seconds kPatienceWithPeople{90};

/// dbus-daemon lets a connection wait for 128 answers, and the daemon needs some of them for PID 1's, whoever calls.
constexpr std::size_t kMostQuestions = 32;
constexpr std::size_t kMostQuestionsOfOne = 8;

template <class... Args>
bus::Message callOf(sd_bus* bus, const char* member, const Args&... args) {
    return bus::methodCall(bus, "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
                           "org.freedesktop.PolicyKit1.Authority", member, args...);
}

/// People are asked where the question has an `id` by which they can be left in peace.
bus::Message question(sd_bus* bus, const std::string& sender, const std::string& action, const Details& details,
                      const std::string& id) {
    constexpr std::uint32_t kAllowUserInteraction = 1;
    bus::Message call = callOf(bus, "CheckAuthorization");
    sd_bus_message* m = call.raw();
    constexpr const char* kWhat = "ask polkit";
    bus::check(sd_bus_message_append(m, "(sa{sv})s", "system-bus-name", 1, "name", "s", sender.c_str(), action.c_str()),
               kWhat);
    bus::check(sd_bus_message_open_container(m, 'a', "{ss}"), kWhat);
    for (const auto& [name, value] : details)
        bus::check(sd_bus_message_append(m, "{ss}", name.c_str(), value.c_str()), kWhat);
    bus::check(sd_bus_message_close_container(m), kWhat);
    bus::check(sd_bus_message_append(m, "us", id.empty() ? 0U : kAllowUserInteraction, id.c_str()), kWhat);
    return call;
}

/// While people are asked for a caller's sake. They need no longer answer once the caller has left the bus, or nobody
/// waits for the answer.
class Dialogue {
public:
    Dialogue(bus::Connection& connection, const std::string& caller, std::string id)
        : connection_(connection), id_(std::move(id)) {
        const std::string rule = "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                                 "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" +
                                 caller + "',arg2=''";
        sd_bus_slot* slot = nullptr;
        // A bus that has no room for another rule says so, and people are then asked for longer.
        const auto ignore = [](sd_bus_message*, void*, sd_bus_error*) noexcept { return 0; };
        bus::check(sd_bus_add_match_async(connection_.raw(), &slot, rule.c_str(), onLeft, ignore, this),
                   "watch a caller");
        departure_.reset(slot);
    }
    Dialogue(Dialogue&&) = delete;
    ~Dialogue() {
        if (!over_) cancel();
    }

    const std::string& id() const noexcept { return id_; }
    void end() noexcept { over_ = true; }
    bool callerLeft() const noexcept { return left_; }

private:
    static int onLeft(sd_bus_message*, void* userdata, sd_bus_error*) noexcept {
        Dialogue& self = *static_cast<Dialogue*>(userdata);
        self.left_ = true;
        self.cancel();
        return 0;
    }

    /// What was asked has an answer then, which is an error.
    void cancel() noexcept {
        try {
            const bus::Message call = callOf(connection_.raw(), "CancelCheckAuthorization", id_);
            bus::check(sd_bus_message_set_expect_reply(call.raw(), 0), "ask no more");
            bus::check(sd_bus_send(connection_.raw(), call.raw(), nullptr), "ask no more");
        } catch (const Error& error) {
            log::warning(std::string("polkit asks for longer than is needed: ") + error.what());
        }
    }

    bus::Connection& connection_;
    std::string id_;
    bus::Slot departure_;
    bool left_ = false;
    bool over_ = false;
};

} // namespace

Polkit::Polkit(bus::Connection& connection)
    : connection_(connection),
      turns_(
          connection.event(),
          [](uid_t) {
              return bus::Turns::Room{kMostQuestions, kMostQuestionsOfOne};
          },
          "polkit is busy with other questions") {}

async::Task<Verdict> Polkit::check(std::string sender, uid_t user, std::string action, Details details,
                                   bool interactive) {
    std::optional<bus::Turns::Turn> turn;
    try {
        bus::Turns::Turn taken = co_await turns_.take(user, kPatienceWithPeople);
        turn.emplace(std::move(taken));
    } catch (const Error& error) {
        if (error.code() != ErrorCode::Timeout) throw;
        log::debug(std::string(error.what()));
    }
    if (!turn) co_return Verdict::No;
    Verdict verdict = co_await ask(sender, std::move(action), std::move(details), interactive);
    // polkit knows nobody who has left, but people it asked before that answer later: their yes is then for nobody.
    if (!interactive || verdict != Verdict::Yes) co_return verdict;
    const bool there = co_await isThere(std::move(sender));
    co_return there ? Verdict::Yes : Verdict::No;
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
    std::optional<Dialogue> dialogue;
    try {
        if (interactive) dialogue.emplace(connection_, sender, "dialogue-" + std::to_string(++dialogues_));
        const bus::Message call =
            question(connection_.raw(), sender, action, details, dialogue ? dialogue->id() : std::string());
        const std::chrono::seconds patience = interactive ? kPatienceWithPeople : kPatienceWithRules;
        bus::Message reply = co_await connection_.call(call, patience);
        if (dialogue) dialogue->end();
        int authorized = 0;
        int challenge = 0;
        bus::check(sd_bus_message_enter_container(reply.raw(), 'r', "bba{ss}"), "read polkit's answer");
        bus::check(sd_bus_message_read(reply.raw(), "bb", &authorized, &challenge), "read polkit's answer");
        co_return authorized ? Verdict::Yes : challenge ? Verdict::Challenge : Verdict::No;
    } catch (const Error& error) {
        // A host without polkit, or where it is masked, is a choice, and then only root and owners may.
        const bool told = error.code() == ErrorCode::SystemdUnavailable || error.code() == ErrorCode::NotFound;
        if (dialogue && error.code() != ErrorCode::NoReply) dialogue->end();
        if (!told && !(dialogue && dialogue->callerLeft()))
            log::warning("polkit does not say whether " + action + " is allowed: " + error.what());
    }
    co_return Verdict::No;
}

} // namespace scopewright::auth
