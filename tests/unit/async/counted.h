// SPDX-License-Identifier: LGPL-2.1-or-later
// An object that knows how many of its kind there are, for tests about what a destroyed frame leaves behind.
#pragma once

namespace scopewright::unit {

class Counted {
public:
    Counted() { ++count(); }
    Counted(const Counted&) { ++count(); }
    Counted& operator=(const Counted&) = default;
    ~Counted() { --count(); }

    static int alive() { return count(); }

private:
    static int& count() {
        static int number = 0;
        return number;
    }
};

} // namespace scopewright::unit
