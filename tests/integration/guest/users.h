// SPDX-License-Identifier: LGPL-2.1-or-later
// Users of the guest who are not root: two runtimes in the group "scopewright", and somebody who is in no group.
#pragma once

#include "guest/guest.h"
#include "guest/polkit.h"

#include <string>
#include <vector>

namespace scopewright::integration {

/// Its own group has the same number.
struct User {
    const char* name;
    uid_t uid;

    std::string slice() const { return "user-" + std::to_string(uid) + ".slice"; }
    std::string sliceGroup() const { return "/user.slice/" + slice(); }
    /// How others name a sandbox of this user's.
    std::string label(const std::string& id) const { return std::to_string(uid) + ":" + id; }
};
inline constexpr User kAnna{"anna", 2001};
inline constexpr User kBert{"bert", 2002};
inline constexpr User kCora{"cora", 2003};

/// Who is in the group.
class Members {
public:
    Members(const Guest& guest, const std::vector<User>& members) : guest_(guest) { set(members); }

    /// From now on only these. Who is connected already stays, for the bus, what they were.
    void set(const std::vector<User>& members);

private:
    const Guest& guest_;
};

/// As the bus sees a process of the user's, with the groups that the user has now.
Client clientOf(const User& user);

/// A process becomes one of the user's before it lives.
Child::Life ofUser(const User& user, const Child::Life& life = Child::sleep);

/// A process of the user's in a unit below the user's own slice, where a login or a job would have put it.
class Worker {
public:
    Worker(const Guest& guest, const User& user, const Child::Life& life = Child::sleep);

    Child child;
};

/// CreateSandbox, whatever comes of it.
Answer tryCreateAs(const Client& client, const std::string& id, const std::vector<const Child*>& children,
                   const Properties& more = {});

/// What `act` gives, an errno or 0 or any other small number, in a process of the user's.
int asUser(const User& user, const std::function<int()>& act);

/// The paths that GetManagedObjects knows.
std::vector<std::string> objectsFor(const Client& client);
/// What Introspect says, or the text of its error.
std::string introspection(const Client& client, const std::string& path);

/// A guest in which Anna and Bert are in the group and Cora is not, and polkit goes by what is installed and by
/// `rules`.
struct Town {
    explicit Town(const std::string& rules = "") : polkit(guest, rules) {}

    Guest guest;
    Members members{guest, {kAnna, kBert}};
    Polkit polkit;
    Client anna = clientOf(kAnna);
    Client bert = clientOf(kBert);
    Client cora = clientOf(kCora);
};

} // namespace scopewright::integration
