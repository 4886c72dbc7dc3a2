// Zoning: which ports see each other, by their names. Without zones all do.
#pragma once

#include "tests/npiv/fabric/ports.hpp"

#include <set>
#include <utility>

namespace pvscsi::fabric {

class Zones {
  public:
    using Pair = std::pair<Wwn, Wwn>;

    /// From now on only pairs that were added see each other.
    void add(Wwn a, Wwn b);
    /// False if there is no such pair. Without any pair nobody sees anybody.
    bool remove(Wwn a, Wwn b);
    /// All see each other again.
    void off();

    [[nodiscard]] bool allow(Wwn a, Wwn b) const;
    [[nodiscard]] bool on() const { return on_; }
    [[nodiscard]] const std::set<Pair>& pairs() const { return pairs_; }

  private:
    bool on_ = false;
    std::set<Pair> pairs_;
};

/// Whether the fabric shows one port to the other, and brings its frames there. Only initiators and
/// targets ever see each other: libfc logs in to whatever it is shown.
[[nodiscard]] inline bool sees(const Zones& zones, const Port& one, const Port& other) {
    return one.target != other.target && zones.allow(one.port, other.port);
}

} // namespace pvscsi::fabric
