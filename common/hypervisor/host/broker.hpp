// The broker: sockets in front of HostState. One listening socket a domain, one connection and
// Session a client.
//
// Thread: the one that runs the io_context; everything in here belongs to it. Errors: setting up
// throws std::system_error; what a client does wrong ends that client's connection.
#pragma once

#include "common/hypervisor/host/host_directory.hpp"
#include "common/hypervisor/host/host_state.hpp"
#include "common/hypervisor/host/session.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <map>
#include <memory>
#include <set>

namespace pvscsi::hv::host {

class Broker final : public DomainObserver {
  public:
    /// `also` hears of domains as well: before their socket is there, and after it is gone.
    Broker(boost::asio::io_context& io, HostDirectory& directory, DomainObserver& also);
    ~Broker() override;

  private:
    class Connection;
    class Listener;

    void domain_created(const DomainRecord& domain) override;
    void domain_destroyed(const DomainRecord& domain) noexcept override;

    void add_client(DomId domain, UniqueFd socket);
    void drop(const std::shared_ptr<Connection>& connection);
    void reap();

    boost::asio::io_context& io_;
    HostDirectory& directory_;
    DomainObserver& also_;
    boost::asio::steady_timer reap_timer_;
    bool reaping_ = false;
    std::map<DomId, std::shared_ptr<Listener>> listeners_;
    std::set<std::shared_ptr<Connection>> connections_;
    HostState host_;
};

} // namespace pvscsi::hv::host
