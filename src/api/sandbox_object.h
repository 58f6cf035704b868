// SPDX-License-Identifier: LGPL-2.1-or-later
// org.scopewright1.Sandbox: one object for all sandboxes; which one is meant stands in the path of each call.
#pragma once

#include "api/context.h"

namespace scopewright::api {

class SandboxObject {
public:
    explicit SandboxObject(Context& context);
    SandboxObject(SandboxObject&&) = delete;

    async::Scope& operations() const noexcept { return context_.operations; }
    bus::Callers::Ticket admit(const bus::Message& call) const { return context_.admit(call); }

    /// The sandbox that `path` stands for; null if there is none.
    const sandbox::Sandbox* find(const char* path) const;

    void emitNew(const sandbox::Sandbox& sandbox) const;
    void emitRemoved(const sandbox::Sandbox& sandbox, const std::string& reason) const;
    void emitChanged(const sandbox::Sandbox& sandbox, const char* property) const;
    void emitGroupNew(const sandbox::Sandbox& sandbox, const sandbox::Group& group) const;
    void emitGroupRemoved(const sandbox::Sandbox& sandbox, const sandbox::Group& group) const;

private:
    friend struct SandboxTable;

    static int enumerate(sd_bus* bus, const char* prefix, void* userdata, char*** nodes, sd_bus_error* error) noexcept;

    async::Task<bus::Message> create(bus::Message call, const char* kind);
    async::Task<bus::Message> createGroup(bus::Message call);
    async::Task<bus::Message> createCompatGroup(bus::Message call);
    async::Task<bus::Message> update(bus::Message call);
    async::Task<bus::Message> kill(bus::Message call);
    async::Task<bus::Message> stop(bus::Message call);
    async::Task<bus::Message> attach(bus::Message call);
    async::Task<bus::Message> attachFds(bus::Message call);
    template <class Handles>
    async::Task<bus::Message> attachBy(bus::Message call, const char* property);
    async::Task<bus::Message> carryOut(bus::Message call, Context::Verb verb);
    async::Task<bus::Message> freeze(bus::Message call);
    async::Task<bus::Message> thaw(bus::Message call);

    Context& context_;
    bus::Slot slot_;
    bus::Slot enumerator_;
};

const sd_bus_vtable* sandboxTable();

} // namespace scopewright::api
