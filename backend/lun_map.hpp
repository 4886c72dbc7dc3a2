// The logical units of one vhost by address: what a guest may reach, and nothing else.
//
// Thread: the vhost's worker. Looking up allocates nothing; changing the map may.
#pragma once

#include "backend/flight/recorder.hpp"
#include "backend/statistics.hpp"
#include "backend/target.hpp"
#include "ring/command.hpp"

#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace pvscsi::backend {

/// One logical unit as this guest sees it.
struct Lun {
    ring::Address address;
    std::shared_ptr<Target> target;
    unsigned in_flight = 0;                 ///< requests that have not been answered
    unsigned queue_depth = ring::ring_size; ///< how many there may be
    LunCounters counters;
    std::shared_ptr<flight::Recorder> recorder; ///< none: nothing is recorded
    std::function<void()> when_idle;
    /// A dead daemon's commands may still be at its device: nothing of them is to be repeated.
    bool unsettled = false;
    bool shared = false; ///< other guests may write to it
};

class LunMap {
  public:
    LunMap();

    /// False if the address is taken.
    bool add(std::shared_ptr<Lun> lun);
    /// Null if there is none. What is returned lives on with its in-flight requests.
    std::shared_ptr<Lun> remove(const ring::Address& address);
    [[nodiscard]] Lun* find(const ring::Address& address) const noexcept;
    [[nodiscard]] bool has_target(std::uint16_t channel, std::uint16_t target) const noexcept;
    /// In order of address.
    [[nodiscard]] std::span<const std::shared_ptr<Lun>> all() const noexcept { return luns_; }

  private:
    void rebuild();
    [[nodiscard]] std::size_t bucket(const ring::Address& address) const noexcept;

    std::vector<std::shared_ptr<Lun>> luns_;
    /// Open addressing, at most half full, so that a miss ends soon.
    std::vector<Lun*> table_;
};

} // namespace pvscsi::backend
