// Gives domains their units without being asked: a domain that appears, and whose xl file is known,
// gets its vhosts. It does what `pvscsictl create` does, for domains that xl (or a reboot of the
// guest) has made, which drops `vscsi=`.
//
// A domain that has vhosts already is left alone: they are pvscsictl's, or ours from before. A
// guest takes up what appears while it boots or runs.
//
// LUNs of a driver domain need that to be there. Until it is, the guest gets none, not of others
// either: then it has what its file says, or nothing of it.
//
// Thread: control. Errors: logged; the domain goes without, and the others are not concerned.
#pragma once

#include "backend/toolstack/definitions.hpp"
#include "backend/toolstack/vhost.hpp"
#include "common/hypervisor/store.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace pvscsi::backend {

class GuestDevices;

class DomainWatch : public std::enable_shared_from_this<DomainWatch> {
  public:
    /// `self` is the domain that serves. `files`: patterns of the xl files. `changes`: the folder
    /// with what was changed of their entries.
    DomainWatch(boost::asio::io_context& control, hv::Store& store, DomId self,
                std::vector<std::string> files, std::string changes = {},
                GuestDevices* guest_devices = nullptr);

    /// Domains may have come or gone.
    void look();

  private:
    /// A toolstack may introduce a domain before it has given it a name, and a file may not be
    /// readable for a moment.
    static constexpr unsigned most_looks = 50;
    struct Seen {
        unsigned looks = 0;
        bool settled = false;
        std::string awaits; ///< the domain that is to serve it, and is not there
    };

    void consider(const std::string& number, Seen& seen);
    using Vhosts = std::vector<toolstack::Vhost>;

    void give(DomId guest, const toolstack::Definition& definition, Seen& seen);
    [[nodiscard]] Vhosts vhosts_of(DomId guest, const toolstack::Definition& definition,
                                   std::string& missing);
    [[nodiscard]] Result<bool> has_vhosts(hv::StoreTxn txn, DomId guest, const std::string& vm);
    [[nodiscard]] Result<bool> write(DomId guest, const toolstack::Definition& definition,
                                     const Vhosts& vhosts);
    void look_again_soon();
    void forget_devices(const std::vector<std::string>& numbers);

    hv::Store& store_;
    const DomId self_;
    toolstack::Definitions definitions_;
    GuestDevices* const guest_devices_; ///< none, where nobody keeps them
    std::map<std::string, Seen> seen_;  ///< by number
    boost::asio::steady_timer timer_;
};

} // namespace pvscsi::backend
