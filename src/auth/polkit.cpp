// SPDX-License-Identifier: LGPL-2.1-or-later
#include "auth/polkit.h"

#include "base/log.h"
#include "bus/codec.h"

namespace scopewright::auth {

namespace {

/// Rules are scripts that answer in milliseconds; a polkitd that hangs must not hang its callers' callers.
constexpr std::chrono::seconds kPatienceWithRules{5};
constexpr std::chrono::seconds kPatienceWithPeople{90};

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

async::Task<Verdict> Polkit::check(std::string sender, std::string action, Details details, bool interactive) {
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
