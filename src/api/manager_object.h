// SPDX-License-Identifier: LGPL-2.1-or-later
// org.scopewright1.Manager on /org/scopewright1: unmarshal, ask the registry, marshal.
#pragma once

#include "api/context.h"
#include "async/task.h"
#include "bus/bus.h"

#include <functional>

namespace scopewright::api {

class ManagerObject {
public:
    /// `reload` re-reads the configuration.
    ManagerObject(Context& context, std::function<void()> reload);
    ManagerObject(ManagerObject&&) = delete;

    async::Scope& operations() const noexcept { return context_.operations; }
    bus::Callers::Ticket admit(const bus::Message& call) const { return context_.admit(call); }
    const Context& context() const noexcept { return context_; }

    void emitNew(const sandbox::Sandbox& sandbox) const;
    void emitRemoved(const sandbox::Sandbox& sandbox) const;

private:
    friend struct ManagerTable;

    void tell(const char* signal, const sandbox::Sandbox& sandbox) const;
    async::Task<bus::Message> createSandbox(bus::Message call);
    async::Task<bus::Message> adoptSandbox(bus::Message call);
    async::Task<bus::Message> attachProcesses(bus::Message call);
    async::Task<bus::Message> attachProcessFds(bus::Message call);
    template <class Handles>
    async::Task<bus::Message> attach(bus::Message call, const char* property);
    async::Task<bus::Message> carryOut(bus::Message call, Context::Verb verb);
    async::Task<bus::Message> freezeSandbox(bus::Message call);
    async::Task<bus::Message> thawSandbox(bus::Message call);
    async::Task<bus::Message> getSandbox(bus::Message call);
    async::Task<sandbox::Key> holderOf(bus::Message call, bus::Caller caller, sandbox::Process process);
    async::Task<bus::Message> getSandboxByPid(bus::Message call);
    async::Task<bus::Message> getSandboxByPidFd(bus::Message call);
    async::Task<bus::Message> listSandboxes(bus::Message call);
    async::Task<bus::Message> create(bus::Message call, const char* kind);
    async::Task<bus::Message> createGroup(bus::Message call);
    async::Task<bus::Message> createCompatGroup(bus::Message call);
    async::Task<bus::Message> updateSandbox(bus::Message call);
    async::Task<bus::Message> updateGroup(bus::Message call);
    async::Task<bus::Message> explain(bus::Message call);
    async::Task<bus::Message> removeGroup(bus::Message call);
    async::Task<bus::Message> listGroups(bus::Message call);
    async::Task<bus::Message> killSandbox(bus::Message call);
    async::Task<bus::Message> stopSandbox(bus::Message call);
    async::Task<bus::Message> describe(bus::Message call);
    async::Task<bus::Message> reload(bus::Message call);

    Context& context_;
    std::function<void()> reload_;
    bus::Slot slot_;
};

/// The table, for introspection without a bus.
const sd_bus_vtable* managerTable();

} // namespace scopewright::api
