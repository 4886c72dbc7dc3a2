// Guests that were given a whole host adapter: keeps their vhosts' LUNs those that the adapter has.
// A unit that appears is attached and one that goes is detached, as pvscsictl would do it, by the
// toolstack's nodes alone:
//
//   B/host, B/host-place   which adapter, from whoever made the vhost
//   a unit has come        dev-N at 1, and B at 7 if the guest is connected
//   a unit has gone        dev-N at 5, and B at 7; its nodes go when it is at 6
//
// A guest that is in the middle of something is looked at again later, and one that does not answer
// keeps its own LUNs waiting and nobody else's.
//
// sysfs is looked at every two seconds, the store only when that has changed or something is under
// way. Of uevents a burst would have to be let pass all the same, and some get lost.
//
// Thread: control, of dom0's daemon. Errors: logged; the next look may do better.
#pragma once

#include "backend/toolstack/inventory.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <filesystem>
#include <set>

namespace pvscsi::backend {

class HostMode : public std::enable_shared_from_this<HostMode> {
  public:
    HostMode(boost::asio::io_context& control, hv::Store& store, DomId self,
             std::filesystem::path sysfs = "/sys",
             std::chrono::milliseconds interval = std::chrono::seconds(2));

    /// Now, and again and again from then on.
    void look();

  private:
    struct Change;

    [[nodiscard]] bool follow_all();
    [[nodiscard]] bool follow(const toolstack::VhostEntry& vhost);
    void warn_of(const toolstack::Vhost& vhost, const std::vector<std::string>& beyond);

    hv::Store& store_;
    const DomId self_;
    const std::filesystem::path sysfs_;
    const std::chrono::milliseconds interval_;
    boost::asio::steady_timer timer_;
    std::vector<std::string> seen_; ///< of sysfs, when all was as it should be
    std::set<std::string> warned_;
};

} // namespace pvscsi::backend
