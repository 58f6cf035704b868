// SPDX-License-Identifier: LGPL-2.1-or-later
#include "figures.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <stdexcept>

namespace scopewright::performance {

double Samples::quantile(double share) const {
    if (values_.empty()) throw std::logic_error("nothing was measured");
    std::vector<double> sorted = values_;
    std::ranges::sort(sorted);
    const double last = static_cast<double>(sorted.size() - 1);
    return sorted[static_cast<std::size_t>(std::llround(share * last))];
}

void Figures::add(const std::string& section, const std::string& what, const Samples& samples, double at) {
    constexpr double kP99 = 0.99;
    rows_.push_back(Row{section, what, "us", at, samples.median(), samples.quantile(kP99), samples.count()});
    std::printf("%-12s %-44s %10.0f us median %10.0f us p99 %6zu times\n", section.c_str(), what.c_str(),
                samples.median(), samples.quantile(kP99), samples.count());
    std::fflush(stdout);
}

void Figures::add(const std::string& section, const std::string& what, double value, const std::string& unit,
                  double at) {
    rows_.push_back(Row{section, what, unit, at, value, value, 1});
    std::printf("%-12s %-44s %10.2f %s\n", section.c_str(), what.c_str(), value, unit.c_str());
    std::fflush(stdout);
}

void Figures::target(const std::string& section, const std::string& what, double value, double target, bool most) {
    const bool met = most ? value <= target : value >= target;
    targets_.push_back(Target{section, what, value, target, met});
    std::printf("%-12s %-44s %10.2f, target %s %.2f: %s\n", section.c_str(), what.c_str(), value,
                most ? "<=" : ">=", target, met ? "met" : "MISSED");
    std::fflush(stdout);
}

std::string Figures::json() const {
    nlohmann::json figures = {{"rows", nlohmann::json::array()}, {"targets", nlohmann::json::array()}};
    for (const Row& row : rows_)
        figures["rows"].push_back({{"section", row.section},
                                   {"what", row.what},
                                   {"unit", row.unit},
                                   {"at", row.at},
                                   {"value", row.value},
                                   {"p99", row.p99},
                                   {"count", row.count}});
    for (const Target& target : targets_)
        figures["targets"].push_back({{"section", target.section},
                                      {"what", target.what},
                                      {"value", target.value},
                                      {"target", target.target},
                                      {"met", target.met}});
    return figures.dump();
}

} // namespace scopewright::performance
