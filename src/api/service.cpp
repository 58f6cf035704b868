// SPDX-License-Identifier: LGPL-2.1-or-later
#include "api/service.h"

#include "api/paths.h"
#include "base/log.h"
#include "bus/handler.h"
#include "systemd/version.h"

#include <algorithm>
#include <cstdlib>
#include <exception>

namespace scopewright::api {

namespace {

void reportStray(std::exception_ptr error) noexcept {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& failure) {
        log::error(std::string("an operation failed: ") + failure.what());
    }
}

/// Where PID 1 listens itself. Whoever has put the system bus elsewhere has another PID 1 in mind than this machine's.
std::string socketOf(const config::Config& config, Instance instance) {
    if (config.systemdSocket != "auto") return config.systemdSocket == "none" ? "" : config.systemdSocket;
    const bool usual = instance == Instance::System && !::secure_getenv("DBUS_SYSTEM_BUS_ADDRESS");
    return usual ? "/run/systemd/private" : "";
}

} // namespace

Service::Published::Published(Service& service, const systemd::Version& version, const std::string& systemdGroup)
    : sandboxes(sandbox::Host{service.connection_.event(), service.systemd_, version.number,
                              systemd::knownFlaw(version), service.root_.duplicate(), service.findTop(systemdGroup),
                              systemdGroup, service.config_},
                service),
      units(service.link_, sandboxes.unitsObserver()),
      changes(service.connection_),
      context{service.connection_, service.callers_, service.operations_, sandboxes, changes,
              service.polkit_,     service.config_,  version.number} {
    auto jobDone = [this](const std::string& unit) { sandboxes.unitsObserver().jobDone(unit); };
    service.systemd_.onOthersJobs(jobDone);
}

Service::Service(bus::Connection& connection, cgroup::Group root, config::Config config, LoadConfig loadConfig,
                 Instance instance)
    : connection_(connection),
      root_(std::move(root)),
      config_(std::move(config)),
      loadConfig_(std::move(loadConfig)),
      instance_(instance),
      callers_(connection, sandbox::sharesPidNamespace),
      lines_(connection),
      polkit_(connection),
      link_(connection, socketOf(config_, instance)),
      systemd_(link_, config_.jobTimeout),
      operations_(reportStray) {}

Service::~Service() {
    if (!published_) return;
    systemd_.onOthersJobs({});
    published_->sandboxes.close();
}

async::Task<void> Service::start() {
    co_await link_.open(config_.jobTimeout);
    const std::string text = co_await systemd_.version();
    const systemd::Version version = systemd::parseVersion(text);
    if (version.number < systemd::kOldestVersion)
        throw Error(ErrorCode::NotSupported, "systemd " + std::to_string(version.number) + " is older than " +
                                                 std::to_string(systemd::kOldestVersion) +
                                                 ", the oldest that is supported");
    const std::string systemdGroup = co_await systemd_.ownControlGroup();
    published_.emplace(*this, version, systemdGroup);
    if (const std::optional<std::string_view> flaw = systemd::knownFlaw(version))
        log::warning("systemd " + printable(text) + " has " + std::string(*flaw) +
                     ", by which users can bring it down where delegated units run, unless its distribution has mended "
                     "that; see refuse-vulnerable-systemd in scopewright.toml(5)");
    co_await published_->sandboxes.recover();

    sd_bus_slot* slot = nullptr;
    bus::check(sd_bus_add_filter(connection_.raw(), &slot, onMessage, this), "look at messages");
    published_->filter.reset(slot);
    bus::check(sd_bus_add_object_manager(connection_.raw(), &slot, kManagerPath), "publish the object manager");
    published_->objectManager.reset(slot);
    auto reloadNow = [this] { reload(); };
    published_->manager.emplace(published_->context, reloadNow);
    published_->sandbox.emplace(published_->context);
    published_->group.emplace(published_->context);
}

cgroup::Group Service::findTop(const std::string& systemdGroup) const {
    if (instance_ == Instance::System) return root_.duplicate();
    std::optional<cgroup::Group> top = systemdGroup.empty() ? std::nullopt : root_.open(systemdGroup);
    if (!top)
        throw Error(ErrorCode::NotSupported, "the user's manager lives in " + quoted(systemdGroup) +
                                                 ", which is not in the hierarchy that was opened");
    // Which ones it gets is the system's decision, and the first thing to look at when a limit is not in force.
    const std::vector<std::string> given = top->controllers();
    for (const std::string& controller : root_.controllers())
        if (std::ranges::find(given, controller) == given.end())
            log::warning("controller " + controller + " is not delegated to " + systemdGroup +
                         "; Delegate= of user@.service says which are");
    return std::move(*top);
}

/// The first call of a connection waits until the bus has said who that is; then it is dealt with like any other, which
/// is when nobody else has waited longer.
int Service::onMessage(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept {
    Service& self = *static_cast<Service*>(userdata);
    // Of any object: one that there is not is a way to flood like others.
    if (sd_bus_message_is_method_call(message, nullptr, nullptr) <= 0) return 0;
    const bus::Message call = bus::Message::share(message);
    if (self.lines_.called(call)) return 0;
    try {
        return self.receive(call) ? 1 : 0;
    } catch (const Error& error) {
        bus::replyWithError(call, error.code(), error.what());
    } catch (const std::exception& error) {
        bus::replyWithError(call, ErrorCode::Failed, error.what());
    }
    return 1;
}

bool Service::receive(const bus::Message& call) {
    const char* sender = sd_bus_message_get_sender(call.raw());
    if (const std::optional<bus::Caller> caller = callers_.known(sender))
        return lines_.join(call, caller->uid, boundsOf(caller->uid, config_));
    const std::string name = sender ? sender : "";
    if (introduced_[name] >= config_.callsPerClient)
        throw Error(ErrorCode::LimitsExceeded, "too many calls of " + quoted(name) + " wait to be looked at");
    ++introduced_[name];
    spawn(introduce(call, name));
    return true;
}

async::Task<void> Service::introduce(bus::Message call, std::string name) {
    ErrorCode code = ErrorCode::Failed;
    std::string text;
    bool known = false;
    try {
        co_await callers_.identify(call);
        bus::check(sd_bus_enqueue_for_read(connection_.raw(), call.raw()), "take up a call again");
        known = true;
    } catch (const Error& error) {
        code = error.code();
        text = error.what();
    }
    if (--introduced_[name] == 0) introduced_.erase(name);
    if (!known) bus::replyWithError(call, code, text.c_str());
}

bool Service::idle() const noexcept {
    // A call that waited for its caller's name stands in this queue when its first operation is over.
    std::uint64_t unread = 0;
    sd_bus_get_n_queued_read(connection_.raw(), &unread);
    return unread == 0 && lines_.empty() && operations_.running() == 0 &&
           (!published_ || !published_->sandboxes.busy());
}

std::size_t Service::count() const noexcept {
    return published_ ? published_->sandboxes.registry().all().size() : 0;
}

void Service::reload() {
    if (!loadConfig_) return;
    config_ = loadConfig_();
    log::setLevel(config_.logLevel);
    log::info("configuration read again");
}

// Sandboxes found at start are there before the objects are: nobody can have asked for them yet.

void Service::sandboxAdded(const sandbox::Sandbox& sandbox) {
    if (!published_ || !published_->sandbox) return;
    published_->sandbox->emitNew(sandbox);
    published_->manager->emitNew(sandbox);
}

void Service::sandboxRemoved(const sandbox::Sandbox& sandbox, const std::string& reason) {
    if (!published_ || !published_->sandbox) return;
    published_->sandbox->emitRemoved(sandbox, reason);
    published_->manager->emitRemoved(sandbox);
}

void Service::stateChanged(const sandbox::Sandbox& sandbox) {
    if (published_ && published_->sandbox) published_->sandbox->emitChanged(sandbox, "State");
}

void Service::groupAdded(const sandbox::Sandbox& sandbox, const sandbox::Group& group) {
    if (published_ && published_->sandbox) published_->sandbox->emitGroupNew(sandbox, group);
}

void Service::resourcesChanged(const sandbox::Sandbox& sandbox) {
    if (!published_ || !published_->sandbox) return;
    for (const char* property : {"Resources", "Skipped"})
        published_->sandbox->emitChanged(sandbox, property);
    published_->group->emitChanged(sandbox, sandbox.groups.at(sandbox::kPayload));
}

void Service::groupChanged(const sandbox::Sandbox& sandbox, const sandbox::Group& group) {
    if (published_ && published_->group) published_->group->emitChanged(sandbox, group);
}

void Service::groupRemoved(const sandbox::Sandbox& sandbox, const sandbox::Group& group) {
    if (published_ && published_->sandbox) published_->sandbox->emitGroupRemoved(sandbox, group);
}

} // namespace scopewright::api
