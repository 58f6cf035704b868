// SPDX-License-Identifier: LGPL-2.1-or-later
// What would become of resources, in words: Explain().
#pragma once

#include "limits/plan.h"

#include <string>
#include <vector>

namespace scopewright::limits {

struct ExplainRow {
    std::string key;
    std::string target;  ///< unit property, or file: in the scope, or in "payload/"; may be empty
    std::string value;   ///< may be empty
    std::string verdict; ///< "property", "file", "skipped" (not in force), "refused" (the request would be an error)
    std::string reason;  ///< of the latter two, and where a file stands in for a property

    bool operator==(const ExplainRow&) const = default;
};

std::vector<ExplainRow> explain(const Resources& resources, const Context& context);

/// The same for what a caller sent: dotted keys and "resources" (JSON). What is wrong with one is its row; the others
/// are explained without it. Throws for keys that are no resources.
std::vector<ExplainRow> explain(const Properties& request, const Context& context);

/// The resources of such a request as far as they can be read: what the context has to be made for.
Resources readable(const Properties& request);

} // namespace scopewright::limits
