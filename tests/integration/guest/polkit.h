// SPDX-License-Identifier: LGPL-2.1-or-later
// The guest's real polkit. It is masked, so that for all other tests there is none.
#pragma once

#include "guest/guest.h"

#include <string>

namespace scopewright::integration {

/// `call`, whose caller lets somebody be asked for a password.
bus::Message withLeaveToAsk(bus::Message call);

/// Runs as long as it is there, with these rules before those that are installed.
class Polkit {
public:
    explicit Polkit(const Guest& guest, const std::string& rules = "");
    Polkit(Polkit&&) = delete;
    ~Polkit();

    /// Why there is none here; "" if there is.
    static std::string whyNot();
    /// Before version 0.106 polkit knew no rules that are programs, so that it cannot look at what a question is about.
    static bool hasRules();

    /// Begins anew with these rules.
    void setRules(const std::string& rules);
    /// Ends it, so that nobody can start it again.
    void mask();
    /// Ends it; the next question starts it.
    void stop();

    /// As long as this lives every question waits for its answer.
    class Pause {
    public:
        explicit Pause(const Polkit& polkit);
        Pause(Pause&&) = delete;
        ~Pause();
        void end();

    private:
        pid_t pid_;
    };

private:
    void write(const std::string& rules);

    const Guest& guest_;
};

} // namespace scopewright::integration
