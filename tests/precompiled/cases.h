// SPDX-License-Identifier: LGPL-2.1-or-later
// For programs of test cases. Catch2 is most of what there is to parse; the file with its runner cannot have this.
#include "tests.h"

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
