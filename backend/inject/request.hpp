// What is asked of a LUN's injector, and what it says. Thread: any.
#pragma once

#include "backend/inject/injector.hpp"

#include <functional>
#include <string>
#include <vector>

namespace pvscsi::backend::inject {

struct Change {
    bool clear = false;      ///< first
    std::vector<Rule> rules; ///< then, in addition
};

struct Answer {
    std::string error;             ///< nothing was changed; empty: done
    std::vector<RuleReport> rules; ///< that there are now
};
using TakeAnswer = std::function<void(const Answer&)>;

} // namespace pvscsi::backend::inject
