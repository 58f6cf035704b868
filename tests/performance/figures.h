// SPDX-License-Identifier: LGPL-2.1-or-later
// What was measured, and what of it is to be compared with what.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace scopewright::performance {

/// Times of the same thing done again and again, in microseconds.
class Samples {
public:
    void add(double microseconds) { values_.push_back(microseconds); }
    std::size_t count() const noexcept { return values_.size(); }
    /// The value below which a share of them, from 0 to 1, lies. There must be one.
    double quantile(double share) const;
    double median() const { return quantile(0.5); }

private:
    std::vector<double> values_;
};

/// How long `act` takes, in microseconds.
template <class Act>
double timed(Act act) {
    const std::chrono::steady_clock::time_point begun = std::chrono::steady_clock::now();
    act();
    return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begun).count();
}

class Figures {
public:
    /// Prints a line of its own with median, p99 and number; `at` is where on the axis of a plot it stands, such as the
    /// number of clients.
    void add(const std::string& section, const std::string& what, const Samples& samples, double at = 0);
    /// A number that is not a time.
    void add(const std::string& section, const std::string& what, double value, const std::string& unit, double at = 0);
    /// A ratio, or another figure, that has a target; `most`: whether the target is the largest that is good.
    void target(const std::string& section, const std::string& what, double value, double target, bool most = true);

    /// Everything, as one JSON object on one line.
    std::string json() const;

private:
    struct Row {
        std::string section;
        std::string what;
        std::string unit;
        double at;
        double value;
        double p99;
        std::size_t count;
    };
    struct Target {
        std::string section;
        std::string what;
        double value;
        double target;
        bool met;
    };
    std::vector<Row> rows_;
    std::vector<Target> targets_;
};

} // namespace scopewright::performance
