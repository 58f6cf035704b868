// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/shrink.h"

#include <algorithm>

namespace scopewright::integration::model {

std::vector<Operation> shrink(std::vector<Operation> failing,
                              const std::function<bool(const std::vector<Operation>&)>& fails, std::size_t tries) {
    for (std::size_t chunk = std::max<std::size_t>(failing.size() / 2, 1); tries > 0;) {
        bool shorter = false;
        // From the end: what came last is the least likely to be needed by what failed.
        for (std::size_t end = failing.size(); end > 0 && tries > 0;) {
            const std::size_t begin = end > chunk ? end - chunk : 0;
            std::vector<Operation> less = failing;
            less.erase(less.begin() + static_cast<std::ptrdiff_t>(begin),
                       less.begin() + static_cast<std::ptrdiff_t>(end));
            --tries;
            if (!less.empty() && fails(less)) {
                failing = std::move(less);
                shorter = true;
            }
            end = begin;
        }
        // One operation may have been needed only by another that is gone now.
        if (chunk == 1 && !shorter) break;
        chunk = std::max<std::size_t>(chunk / 2, 1);
    }
    return failing;
}

} // namespace scopewright::integration::model
