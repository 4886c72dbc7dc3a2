// A client of the store server on its Unix socket: bytes in, bytes out, bounded both ways.
//
// Thread: the io_context's. Ownership: shared with the operations that are under way; close()
// ends them. A client that does not read its replies gets no more requests served, and one whose
// watch events pass the bound is disconnected.
#pragma once

#include "common/hypervisor/host/store_session.hpp"
#include "common/hypervisor/host/store_wire.hpp"

#include <boost/asio/local/stream_protocol.hpp>

#include <array>
#include <memory>
#include <span>
#include <string_view>

namespace pvscsi::hv::host {

class StoreConnection;

/// Whom a connection tells of its end.
class StoreConnectionOwner {
  public:
    /// The client did what it must not; closed() follows.
    virtual void failed(const StoreConnection& connection, std::string_view why) = 0;
    /// Called once, never from within another call.
    virtual void closed(const StoreConnection& connection) = 0;

  protected:
    ~StoreConnectionOwner() = default;
};

class StoreConnection : public std::enable_shared_from_this<StoreConnection> {
  public:
    using Socket = boost::asio::local::stream_protocol::socket;

    StoreConnection(Socket socket, StoreTree& tree, DomId domain, StoreConnectionOwner& owner);

    void start() { receive(); }
    /// Ends it without a further word to the client.
    void close();
    /// The same for when tree and owner are about to go: nothing is called any more.
    void detach();
    [[nodiscard]] DomId domain() const noexcept { return domain_; }

  private:
    void receive();
    void serve();
    void send();
    void event(std::string_view path, std::string_view token);
    void fail(std::string_view why);

    Socket socket_;
    DomId domain_;
    StoreConnectionOwner* owner_; ///< null when it need not be told any more
    bool open_ = true;
    bool sending_ = false;
    bool receiving_ = false;
    StoreReader reader_;
    StoreOutput output_;
    std::unique_ptr<StoreSession> session_;
    std::array<char, 4096> buffer_{};
    std::span<const char> unserved_; ///< of buffer_
};

} // namespace pvscsi::hv::host
