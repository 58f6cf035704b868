// SPDX-License-Identifier: LGPL-2.1-or-later
// Who is asked for a password when a user's program wants more than the user may: polkit's authentication agent.
#pragma once

#include "guest/users.h"

#include <deque>
#include <set>
#include <string>

namespace scopewright::integration {

/// The agent of a user's clients in this process. It answers when the test says so, and nothing of it runs meanwhile.
class Agent {
public:
    explicit Agent(const User& user);
    Agent(Agent&&) = delete;
    ~Agent();

    struct Question {
        std::string action;
        std::string message;
        std::string cookie;
        bus::Message call;
    };

    /// The one that was asked first of those that nobody has taken; throws if none comes.
    Question next();
    /// Whether polkit says, in good time, that the question needs no answer any more.
    bool isTakenBack(const Question& question);
    /// How many have been asked up to now. What polkit has sent before it answered one of our calls is among them.
    std::size_t count();

    /// Somebody who is root has given their password.
    void authenticate(const Question& question);
    /// The same where polkit may have taken the question back.
    Answer tryToAuthenticate(const Question& question);
    void dismiss(const Question& question);

private:
    static int onCall(sd_bus_message* message, void* userdata, sd_bus_error* error) noexcept;
    void take(const bus::Message& call);
    void listen();
    Answer authority(const char* member, const std::function<void(sd_bus_message*)>& arguments);

    User user_;
    Client client_;
    Client other_;
    bus::Slot slot_;
    std::deque<Question> asked_;
    std::set<std::string> takenBack_; ///< by their cookies
    std::size_t count_ = 0;
};

} // namespace scopewright::integration
