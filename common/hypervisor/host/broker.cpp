#include "common/hypervisor/host/broker.hpp"

#include "common/base/log.hpp"
#include "common/hypervisor/host/paths.hpp"
#include "common/hypervisor/host/seqpacket.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <sys/socket.h>

namespace pvscsi::hv::host {

namespace {

namespace asio = boost::asio;
using Descriptor = asio::posix::stream_descriptor;

/// Connections that one guest may have: enough for many programs, too few to exhaust the broker.
constexpr std::ptrdiff_t max_guest_clients = 256;
/// How long to leave a full file table alone.
constexpr auto accept_pause = std::chrono::milliseconds(100);
constexpr auto reap_interval = std::chrono::milliseconds(5);

} // namespace

class Broker::Connection : public std::enable_shared_from_this<Broker::Connection> {
  public:
    Connection(Broker& broker, DomId domain, UniqueFd fd)
        : broker_(broker), session_(broker.host_, domain), socket_(broker.io_, fd.release()) {}

    [[nodiscard]] DomId domain() const { return session_.domain(); }

    void wait() {
        socket_.async_wait(Descriptor::wait_read,
                           [weak = weak_from_this()](boost::system::error_code error) {
                               if (const auto self = weak.lock(); self && !error)
                                   self->serve();
                           });
    }

  private:
    void serve() {
        bool stays = false;
        try {
            stays = serve_one();
        } catch (const std::exception& e) {
            log::error("domain={} error=\"{}\"", domain().value(), e.what());
        }
        if (stays)
            wait();
        else
            broker_.drop(shared_from_this());
        broker_.reap();
    }

    /// False to hang up.
    bool serve_one() {
        std::array<std::byte, max_message> buffer;
        const auto message = receive_message(socket_.native_handle(), buffer, MSG_DONTWAIT);
        if (!message)
            return message.error() == std::errc::resource_unavailable_try_again;
        if (message->size == 0)
            return false;
        const auto answer = session_.answer(std::span(buffer).first(message->size));
        if (!answer)
            return false;
        // A client has one request under way at a time, so there is room for its answer.
        const auto head = std::as_bytes(std::span(&answer->reply, 1));
        return send_message(socket_.native_handle(), head, answer->body, answer->fds, MSG_DONTWAIT)
            .has_value();
    }

    Broker& broker_;
    Session session_;
    Descriptor socket_;
};

class Broker::Listener : public std::enable_shared_from_this<Broker::Listener> {
  public:
    Listener(Broker& broker, DomId domain, const std::string& path)
        : broker_(broker), domain_(domain), socket_(broker.io_, listen_seqpacket(path).release()),
          pause_(broker.io_) {}

    void wait() {
        socket_.async_wait(Descriptor::wait_read,
                           [weak = weak_from_this()](boost::system::error_code error) {
                               if (const auto self = weak.lock(); self && !error)
                                   self->accept();
                           });
    }

  private:
    void accept() {
        UniqueFd client(adopt_fd, ::accept4(socket_.native_handle(), nullptr, nullptr,
                                            SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (client)
            broker_.add_client(domain_, std::move(client));
        else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
            return rest();
        wait();
    }

    // The connection stays in the queue; asking again at once would only burn the CPU.
    void rest() {
        log::warning("domain={} error=\"no file descriptors left for a new client\"",
                     domain_.value());
        pause_.expires_after(accept_pause);
        pause_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
            if (const auto self = weak.lock(); self && !error)
                self->wait();
        });
    }

    Broker& broker_;
    DomId domain_;
    Descriptor socket_;
    asio::steady_timer pause_;
};

Broker::Broker(asio::io_context& io, HostDirectory& directory, DomainObserver& also)
    : io_(io), directory_(directory), also_(also), reap_timer_(io), host_(*this) {}

Broker::~Broker() {
    listeners_.clear();
    connections_.clear();
}

void Broker::domain_created(const DomainRecord& domain) {
    if (domain.id != DomId{0})
        directory_.make_domain(domain.id);
    try {
        also_.domain_created(domain);
        auto listener = std::make_shared<Listener>(*this, domain.id,
                                                   broker_socket(directory_.path(), domain.id));
        listener->wait();
        listeners_.emplace(domain.id, std::move(listener));
    } catch (...) {
        also_.domain_destroyed(domain);
        if (domain.id != DomId{0})
            directory_.remove_domain(domain.id);
        throw;
    }
    log::info("domain={} name={} created", domain.id.value(), domain.name);
}

void Broker::domain_destroyed(const DomainRecord& domain) noexcept {
    listeners_.erase(domain.id);
    std::erase_if(connections_,
                  [&](const auto& connection) { return connection->domain() == domain.id; });
    also_.domain_destroyed(domain);
    directory_.remove_domain(domain.id);
    log::info("domain={} name={} destroyed", domain.id.value(), domain.name);
}

void Broker::add_client(DomId domain, UniqueFd socket) {
    const auto clients = std::ranges::count_if(
        connections_, [domain](const auto& connection) { return connection->domain() == domain; });
    if (domain != DomId{0} && clients >= max_guest_clients)
        return;
    try {
        auto connection = std::make_shared<Connection>(*this, domain, std::move(socket));
        connection->wait();
        connections_.insert(std::move(connection));
    } catch (const std::exception& e) {
        log::error("domain={} error=\"{}\"", domain.value(), e.what());
    }
}

void Broker::drop(const std::shared_ptr<Connection>& connection) {
    connections_.erase(connection);
}

// Nobody tells when a copy ends that was under way while its grant was taken back: look again.
void Broker::reap() {
    if (reaping_ || !host_.reap())
        return;
    reaping_ = true;
    reap_timer_.expires_after(reap_interval);
    reap_timer_.async_wait([this](boost::system::error_code error) {
        if (error)
            return;
        reaping_ = false;
        reap();
    });
}

} // namespace pvscsi::hv::host
