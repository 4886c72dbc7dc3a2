// Guests that were given a whole host adapter, or all that a port of their own sees: keeps their
// vhosts' LUNs those that are there.
// A unit that appears is attached and one that goes is detached, as pvscsictl would do it, by the
// toolstack's nodes alone:
//
//   B/host, B/host-place   which adapter or port, from whoever made the vhost
//   B/error                why there is no port
//   a unit has come        dev-N at 1, and B at 7 if the guest is connected
//   a unit has gone        dev-N at 5, and B at 7; its nodes go when it is at 6
//
// A guest that is in the middle of something is looked at again later, and one that does not answer
// keeps its own LUNs waiting and nobody else's.
//
// sysfs is looked at every two seconds, the store only when that has changed or something is under
// way. Of uevents a burst would have to be let pass all the same, and some get lost. Ports have to
// be asked (port_hosts.hpp).
//
// Thread: control, of dom0's daemon. Errors: logged; the next look may do better.
#pragma once

#include "backend/port_hosts.hpp"
#include "backend/toolstack/inventory.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>

namespace pvscsi::backend {

class HostMode : public std::enable_shared_from_this<HostMode> {
  public:
    HostMode(boost::asio::io_context& control, hv::Store& store, DomId self,
             std::shared_ptr<npiv::Vports> vports, std::filesystem::path sysfs = "/sys",
             std::chrono::milliseconds interval = std::chrono::seconds(2));

    /// Now, and again and again from then on.
    void look();
    /// The next look is at all of them.
    void vhost_came() noexcept { seen_.reset(); }

  private:
    struct Change;
    struct Wanted;
    /// Of a vhost with these LUNs.
    using Choose = std::function<Wanted(const toolstack::VhostEntry& now)>;

    [[nodiscard]] bool follow_all();
    [[nodiscard]] bool follow(const toolstack::VhostEntry& vhost);
    [[nodiscard]] bool follow_adapter(const toolstack::VhostEntry& vhost,
                                      const toolstack::Lun& entry);
    [[nodiscard]] bool follow_port(const toolstack::VhostEntry& vhost, const toolstack::Lun& entry);
    [[nodiscard]] bool change(const toolstack::VhostEntry& vhost, const Choose& choose);
    void tell(const toolstack::Vhost& vhost, const std::string& trouble);
    void warn_of(const toolstack::Vhost& vhost, const std::vector<std::string>& beyond);

    hv::Store& store_;
    const DomId self_;
    const std::filesystem::path sysfs_;
    const std::chrono::milliseconds interval_;
    boost::asio::steady_timer timer_;
    /// Of sysfs, when all was as it should be; nothing: it is to be looked at again.
    std::optional<std::vector<std::string>> seen_;
    std::set<std::string> warned_;
    PortHosts ports_;
    std::map<std::string, std::string> troubles_; ///< that were told, by backend path
};

} // namespace pvscsi::backend
