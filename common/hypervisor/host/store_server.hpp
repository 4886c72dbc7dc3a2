// Serves the embedded host's xenstore: the wire protocol of xen/include/public/io/xs_wire.h on
// Unix sockets. The socket that a client comes in by says which domain it is.
//
// Thread: the one that runs the io_context. Errors: setting up a socket throws
// std::system_error; what a client does wrong is answered or ends that client's connection.
#pragma once

#include "common/base/strong_id.hpp"

#include <memory>
#include <string>

namespace boost::asio {
class io_context;
}

namespace pvscsi::hv::host {

class StoreClient;

class StoreServer {
  public:
    explicit StoreServer(boost::asio::io_context& io);
    StoreServer(const StoreServer&) = delete;
    StoreServer& operator=(const StoreServer&) = delete;
    /// Ends every connection and removes the sockets.
    ~StoreServer();

    /// Connections to the socket `path` are `domain`; only domain 0 is privileged. A socket that
    /// a dead predecessor left there is replaced: the caller owns the directory.
    void listen(const std::string& path, DomId domain);
    /// No new connections, the socket is removed; existing connections stay.
    void unlisten(const std::string& path);

    /// From now on permissions can name the domain; dom0 is there from the start.
    void add_domain(DomId domain);
    /// Adds the domain if need be and fires @introduceDomain.
    void introduce_domain(DomId domain);
    /// The domain is dead: ends its connections, removes the nodes that it owns and its entries
    /// in others' permissions, fires @releaseDomain. /local/domain/N is dom0's to remove.
    void release_domain(DomId domain);

    /// Direct access as dom0, for the process that the server is part of.
    [[nodiscard]] StoreClient& dom0() noexcept;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace pvscsi::hv::host
