#include "common/hypervisor/host/store_connection.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include <utility>

namespace pvscsi::hv::host {

namespace {
/// Requests are left unserved while this much waits to be read by the client.
constexpr std::size_t max_unread = 64 * 1024;
constexpr std::size_t max_guest_events = 256 * 1024;
/// dom0's clients are trusted not to mean harm, but one can hang.
constexpr std::size_t max_dom0_events = 16 * 1024 * 1024;

constexpr std::size_t max_events(DomId domain) {
    return domain == DomId{0} ? max_dom0_events : max_guest_events;
}
} // namespace

StoreConnection::StoreConnection(Socket socket, StoreTree& tree, DomId domain,
                                 StoreConnectionOwner& owner)
    : socket_(std::move(socket)), domain_(domain), owner_(&owner), output_(max_events(domain)),
      session_(std::make_unique<StoreSession>(
          tree, domain, [this](std::string_view p, std::string_view t) { event(p, t); })) {}

void StoreConnection::close() {
    if (!std::exchange(open_, false))
        return;
    boost::system::error_code ignored;
    socket_.close(ignored);
    // Not now: the tree may be walking its clients.
    boost::asio::post(socket_.get_executor(), [self = shared_from_this()] {
        self->session_.reset();
        if (StoreConnectionOwner* owner = std::exchange(self->owner_, nullptr))
            owner->closed(*self);
    });
}

void StoreConnection::detach() {
    open_ = false;
    owner_ = nullptr;
    session_.reset();
    boost::system::error_code ignored;
    socket_.close(ignored);
}

void StoreConnection::fail(std::string_view why) {
    if (open_ && owner_ != nullptr)
        owner_->failed(*this, why);
    close();
}

void StoreConnection::receive() {
    receiving_ = true;
    socket_.async_read_some(
        boost::asio::buffer(buffer_),
        [self = shared_from_this()](const boost::system::error_code& error, std::size_t size) {
            self->receiving_ = false;
            if (error || !self->open_)
                return self->close();
            self->unserved_ = std::span(self->buffer_).first(size);
            self->serve();
        });
}

void StoreConnection::serve() {
    while (open_ && !unserved_.empty() && output_.bytes() < max_unread) {
        const auto status = reader_.feed(unserved_);
        if (status == StoreReader::Status::broken)
            return fail("message too long");
        if (status == StoreReader::Status::message)
            output_.reply(session_->handle(reader_.message()));
        send();
    }
    if (open_ && unserved_.empty() && !receiving_)
        receive();
}

void StoreConnection::event(std::string_view path, std::string_view token) {
    if (!open_)
        return;
    if (!output_.event(path, token))
        return fail("watch events are not read");
    send();
}

void StoreConnection::send() {
    if (!open_ || sending_ || output_.empty())
        return;
    sending_ = true;
    boost::asio::async_write(
        socket_, boost::asio::buffer(output_.take_front()),
        [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
            self->sending_ = false;
            if (error || !self->open_)
                return self->close();
            self->output_.pop();
            self->send();
            if (!self->receiving_)
                self->serve();
        });
}

} // namespace pvscsi::hv::host
