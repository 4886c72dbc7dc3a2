// What the fabric is told to do wrong.
#pragma once

#include "tests/npiv/fabric/els.hpp"
#include "tests/npiv/fabric/frame.hpp"

#include <chrono>
#include <map>

namespace pvscsi::fabric {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;

/// FDISC of a port, or of any, is refused, or never answered; for ever or for a time.
struct LoginFault {
    std::optional<Wwn> port;
    std::optional<Refusal> refusal; ///< nothing: no answer
    std::optional<TimePoint> until;
};

class Faults {
  public:
    void add(const LoginFault& fault) { logins_.push_back(fault); }
    void accept_all() { logins_.clear(); }
    /// The last one that is about this port, if any.
    [[nodiscard]] std::optional<LoginFault> login(Wwn port, TimePoint now);
    [[nodiscard]] const std::vector<LoginFault>& logins() const { return logins_; }

    /// The next so many frames of this type are lost.
    void drop(Type type, unsigned frames) { drops_[type] = frames; }
    /// Whether this one is lost; counts it.
    bool dropped(Type type);
    [[nodiscard]] unsigned left_to_drop(Type type) const;

    /// Until then the fabric does nothing; what arrives waits.
    std::optional<TimePoint> frozen;
    /// Whether FLOGI is told that there may be more ports (FDISC).
    bool npiv = true;

  private:
    std::vector<LoginFault> logins_;
    std::map<Type, unsigned> drops_;
};

} // namespace pvscsi::fabric
