// SPDX-License-Identifier: LGPL-2.1-or-later
// For the tests' own libraries; see standard.h.
#include "standard.h"

#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
