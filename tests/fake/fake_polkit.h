// SPDX-License-Identifier: LGPL-2.1-or-later
// polkit's authority as far as a daemon can see it: it is asked, and says what the test wants it to.
#pragma once

#include "bus/bus.h"

#include <systemd/sd-bus.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace scopewright::fake {

class FakePolkit {
public:
    FakePolkit() = default;
    FakePolkit(FakePolkit&&) = delete;
    ~FakePolkit() { detach(); }

    void attach(sd_bus* bus);
    void detach();

    struct Question {
        std::string sender;
        std::string action;
        std::map<std::string, std::string> details;
        bool interactive = false;
        std::string id; ///< by which it can be taken back; "" if it cannot
    };
    enum class Answer { Yes, No, Challenge, Error, Silence, Garbage, Later };

    /// Asked for each question; without it there is no polkit on the bus.
    std::function<Answer(const Question&)> rule;

    std::vector<Question> questions;

    /// The questions that were taken back. One that was to be answered later then has its answer, unless this polkit
    /// does not care.
    std::vector<std::string> takenBack;
    bool cares = true;

    /// The answer to the question that was last to be answered later.
    void answerNow(Answer answer);

private:
    static int answer(sd_bus_message* call, Answer answer);
    int takeBack(sd_bus_message* call);
    static int onCall(sd_bus_message* message, void* userdata, sd_bus_error* error) noexcept;

    sd_bus* bus_ = nullptr;
    sd_bus_slot* slot_ = nullptr;
    bus::Message held_;
    std::string heldId_;
};

} // namespace scopewright::fake
