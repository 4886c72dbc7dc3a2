#include "common/hypervisor/host/store_server.hpp"

#include "common/base/log.hpp"
#include "common/hypervisor/host/store_client.hpp"
#include "common/hypervisor/host/store_connection.hpp"
#include "common/hypervisor/host/store_tree.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <chrono>
#include <map>
#include <sys/stat.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

namespace pvscsi::hv::host {

namespace {

using boost::asio::local::stream_protocol;

/// A guest has one connection on Xen; here each of its programs has one.
constexpr std::size_t max_guest_connections = 128;
/// Until the next attempt when the process has run out of something to accept with.
constexpr std::chrono::milliseconds accept_pause{100};

[[noreturn]] void throw_socket_error(const char* what, const std::string& path,
                                     std::error_code error) {
    throw std::system_error(error, std::string(what) + " " + path);
}

/// Takes connections in at one socket. Shared with its pending operations.
class Listener : public std::enable_shared_from_this<Listener> {
  public:
    using Accepted = std::function<void(stream_protocol::socket)>;

    Listener(boost::asio::io_context& io, std::string path, Accepted accepted)
        : path_(std::move(path)), accepted_(std::move(accepted)), acceptor_(io), pause_(io) {
        boost::system::error_code error;
        if (path_.size() >= sizeof(sockaddr_un::sun_path))
            throw_socket_error("cannot listen at", path_,
                               std::make_error_code(std::errc::filename_too_long));
        ::unlink(path_.c_str());
        acceptor_.open(stream_protocol(), error);
        if (!error)
            acceptor_.bind(stream_protocol::endpoint(path_), error);
        // Before anybody can connect.
        if (!error && ::chmod(path_.c_str(), S_IRUSR | S_IWUSR) != 0)
            throw_socket_error("cannot protect", path_, {errno, std::generic_category()});
        if (!error)
            acceptor_.listen(boost::asio::socket_base::max_listen_connections, error);
        if (error)
            throw_socket_error("cannot listen at", path_, error);
    }

    void accept() {
        acceptor_.async_accept([self = shared_from_this()](const boost::system::error_code& error,
                                                           stream_protocol::socket socket) {
            if (!self->acceptor_.is_open())
                return;
            if (error)
                return self->accept_later(error);
            self->accepted_(std::move(socket));
            self->accept();
        });
    }

    void close() {
        boost::system::error_code ignored;
        acceptor_.close(ignored);
        pause_.cancel();
        accepted_ = nullptr;
        ::unlink(path_.c_str());
    }

  private:
    void accept_later(const boost::system::error_code& error) {
        log_.warning("cannot accept a connection: {}", error.message());
        pause_.expires_after(accept_pause);
        pause_.async_wait([self = shared_from_this()](const boost::system::error_code&) {
            if (self->acceptor_.is_open())
                self->accept();
        });
    }

    std::string path_;
    Accepted accepted_;
    stream_protocol::acceptor acceptor_;
    boost::asio::steady_timer pause_;
    log::PeerLog log_{"xenstore"};
};

} // namespace

class StoreServer::Impl final : public StoreConnectionOwner {
  public:
    explicit Impl(boost::asio::io_context& io) : io_(io), dom0_(tree_, DomId{0}, ignore_event) {
        tree_.on_release([this](DomId domain) { end_connections(domain); });
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;
    ~Impl() {
        for (const auto& listener : listeners_)
            listener.second->close();
        for (const auto& connection : connections_)
            connection->detach();
    }

    void listen(const std::string& path, DomId domain) {
        unlisten(path);
        auto listener =
            std::make_shared<Listener>(io_, path, [this, domain](stream_protocol::socket socket) {
                accepted(std::move(socket), domain);
            });
        tree_.add_domain(domain);
        listener->accept();
        listeners_.emplace(path, std::move(listener));
    }

    void unlisten(const std::string& path) {
        if (const auto listener = listeners_.extract(path))
            listener.mapped()->close();
    }

    StoreTree& tree() noexcept { return tree_; }
    StoreClient& dom0() noexcept { return dom0_; }

  private:
    static void ignore_event(std::string_view, std::string_view) {}

    void accepted(stream_protocol::socket socket, DomId domain) {
        const auto count = std::count_if(connections_.begin(), connections_.end(),
                                         [domain](const auto& c) { return c->domain() == domain; });
        if (domain != DomId{0} && static_cast<std::size_t>(count) >= max_guest_connections) {
            log_of(domain).warning("too many xenstore connections");
            return; // the socket closes
        }
        connections_.push_back(
            std::make_shared<StoreConnection>(std::move(socket), tree_, domain, *this));
        connections_.back()->start();
    }

    void failed(const StoreConnection& connection, std::string_view why) override {
        log_of(connection.domain()).warning("xenstore connection ended: {}", why);
    }

    void closed(const StoreConnection& connection) override {
        std::erase_if(connections_,
                      [&connection](const auto& c) { return c.get() == &connection; });
    }

    log::PeerLog& log_of(DomId domain) {
        return logs_.try_emplace(domain, "domid=" + std::to_string(domain.value())).first->second;
    }

    void end_connections(DomId domain) {
        for (const auto& connection : connections_)
            if (connection->domain() == domain)
                connection->close();
        logs_.erase(domain);
    }

    boost::asio::io_context& io_;
    StoreTree tree_;
    StoreClient dom0_;
    std::map<std::string, std::shared_ptr<Listener>> listeners_;
    std::vector<std::shared_ptr<StoreConnection>> connections_;
    std::map<DomId, log::PeerLog> logs_;
};

StoreServer::StoreServer(boost::asio::io_context& io) : impl_(std::make_unique<Impl>(io)) {}
StoreServer::~StoreServer() = default;

void StoreServer::listen(const std::string& path, DomId domain) {
    impl_->listen(path, domain);
}
void StoreServer::unlisten(const std::string& path) {
    impl_->unlisten(path);
}
void StoreServer::add_domain(DomId domain) {
    impl_->tree().add_domain(domain);
}
void StoreServer::introduce_domain(DomId domain) {
    impl_->tree().introduce_domain(domain);
}
void StoreServer::release_domain(DomId domain) {
    impl_->tree().release_domain(domain);
}
StoreClient& StoreServer::dom0() noexcept {
    return impl_->dom0();
}

} // namespace pvscsi::hv::host
