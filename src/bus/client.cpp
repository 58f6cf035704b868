// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bus/client.h"

#include "bus/codec.h"

namespace scopewright::bus {

namespace {

constexpr std::chrono::seconds kPatience{10};
constexpr std::size_t kRemembered = 1024;

std::optional<std::uint32_t> numberNamed(const Properties& properties, std::string_view name) {
    for (const Property& property : properties)
        if (property.name == name)
            if (const std::uint32_t* number = std::get_if<std::uint32_t>(&property.value)) return *number;
    return std::nullopt;
}

} // namespace

std::optional<Caller> Callers::known(const char* sender) const {
    auto found = known_.find(sender ? sender : "");
    return found == known_.end() ? std::nullopt : std::optional(found->second);
}

Callers::Ticket::Ticket(Callers& callers, std::string sender, std::optional<uid_t> uid)
    : callers_(&callers), sender_(std::move(sender)), uid_(uid) {
    ++callers_->underway_[sender_];
    if (uid_) ++callers_->ofUser_[*uid_];
}

Callers::Ticket::~Ticket() {
    if (!callers_) return;
    const auto release = [](auto& counts, const auto& key) {
        const auto found = counts.find(key);
        if (--found->second == 0) counts.erase(found);
    };
    release(callers_->underway_, sender_);
    if (uid_) release(callers_->ofUser_, *uid_);
}

Callers::Ticket Callers::admit(const Message& call, std::size_t mostOfSender, std::size_t mostOfUser) {
    const char* sender = sd_bus_message_get_sender(call.raw());
    const std::string name = sender ? sender : "";
    const auto refuseAbove = [](std::size_t most, const auto& counts, const auto& key, const std::string& whose) {
        const auto found = counts.find(key);
        if (found != counts.end() && found->second >= most)
            throw Error(ErrorCode::LimitsExceeded, std::to_string(found->second) + " calls of " + whose +
                                                       " are being answered already; wait for one of them");
    };
    refuseAbove(mostOfSender, underway_, name, quoted(name));
    const std::optional<Caller> caller = known(sender);
    if (!caller) return Ticket(*this, name, std::nullopt);
    refuseAbove(mostOfUser, ofUser_, caller->uid, "uid " + std::to_string(caller->uid));
    return Ticket(*this, name, caller->uid);
}

async::Task<Caller> Callers::identify(Message call) {
    const char* sender = sd_bus_message_get_sender(call.raw());
    if (!sender) throw Error(ErrorCode::AccessDenied, "the call has no sender");
    const std::string name = sender;
    if (const std::optional<Caller> before = known(sender)) co_return *before;

    Message question = methodCall(connection_.raw(), "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                  "org.freedesktop.DBus", "GetConnectionCredentials", name);
    std::optional<Caller> caller;
    try {
        Message answer = co_await connection_.call(question, kPatience);
        Properties credentials;
        readDictionary(answer.raw(), credentials);
        std::optional<std::uint32_t> uid = numberNamed(credentials, "UnixUserID");
        const pid_t pid = static_cast<pid_t>(numberNamed(credentials, "ProcessID").value_or(0));
        if (uid) caller = Caller{*uid, pid, sharesPids_(pid)};
    } catch (const Error&) {
        // No credentials for whatever reason: the caller is nobody.
    }
    if (!caller) throw Error(ErrorCode::AccessDenied, "the bus does not say who " + quoted(name) + " is");
    if (known_.size() == kRemembered) known_.clear();
    known_.insert_or_assign(name, *caller);
    co_return *caller;
}

} // namespace scopewright::bus
