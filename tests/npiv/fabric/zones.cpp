#include "tests/npiv/fabric/zones.hpp"

#include <algorithm>

namespace pvscsi::fabric {

namespace {

Zones::Pair ordered(Wwn a, Wwn b) {
    return std::minmax(a, b);
}

} // namespace

void Zones::add(Wwn a, Wwn b) {
    on_ = true;
    pairs_.insert(ordered(a, b));
}

bool Zones::remove(Wwn a, Wwn b) {
    return pairs_.erase(ordered(a, b)) != 0;
}

void Zones::off() {
    on_ = false;
    pairs_.clear();
}

bool Zones::allow(Wwn a, Wwn b) const {
    return !on_ || pairs_.contains(ordered(a, b));
}

} // namespace pvscsi::fabric
