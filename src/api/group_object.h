// SPDX-License-Identifier: LGPL-2.1-or-later
// org.scopewright1.Group: one object for all groups; which one is meant stands in the path of each call.
#pragma once

#include "api/context.h"

namespace scopewright::api {

class GroupObject {
public:
    explicit GroupObject(Context& context);
    GroupObject(GroupObject&&) = delete;

    async::Scope& operations() const noexcept { return context_.operations; }
    bus::Callers::Ticket admit(const bus::Message& call) const { return context_.admit(call); }

    /// The group that `path` stands for; null if there is none.
    const sandbox::Group* find(const char* path) const;

    void emitChanged(const sandbox::Sandbox& sandbox, const sandbox::Group& group) const;

private:
    friend struct GroupTable;

    async::Task<bus::Message> update(bus::Message call);
    async::Task<bus::Message> remove(bus::Message call);
    async::Task<bus::Message> openDirectory(bus::Message call);

    Context& context_;
    bus::Slot slot_;
};

const sd_bus_vtable* groupTable();

} // namespace scopewright::api
