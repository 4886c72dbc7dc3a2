#include "frontend/run/server.hpp"

#include "frontend/run/socket.hpp"

#include <algorithm>
#include <cerrno>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

namespace pvscsi::run {

namespace {

Hctl address_in(const wire::Hello& hello) noexcept {
    return {hello.host, hello.channel, hello.target, hello.lun};
}

} // namespace

Server::Server(Loop& loop, std::string path, std::chrono::milliseconds patience)
    : loop_(loop), path_(std::move(path)), patience_(patience), listener_(listen_on(path_)) {
    loop_.watch(listener_.get(), [this] { accept_one(); });
}

Server::~Server() {
    stop_listening();
    while (!connections_.empty())
        end(connections_.begin());
    for (const Vhost& vhost : vhosts_)
        loop_.unwatch(vhost.transport().fd());
}

void Server::stop_listening() noexcept {
    if (!listener_)
        return;
    loop_.unwatch(listener_.get());
    listener_.reset();
    unlink(path_.c_str());
}

void Server::add_vhost(std::uint32_t number, std::unique_ptr<Transport> transport) {
    Vhost& vhost = vhosts_.emplace_back(number, std::move(transport), patience_);
    vhost.transport().on_event([this, &vhost](const Event& event) { on_event(vhost, event); });
    // Nothing to do when it is readable: every turn of the loop pumps all vhosts.
    loop_.watch(vhost.transport().fd(), [] {});
    resync(vhost);
}

bool Server::has_vhost(std::uint32_t number) const noexcept {
    return std::ranges::any_of(vhosts_, [number](const Vhost& vhost) {
        return vhost.number() == number && !vhost.closed();
    });
}

void Server::accept_one() {
    UniqueFd socket(adopt_fd,
                    accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) {
        if (errno != EMFILE && errno != ENFILE && errno != ENOMEM && errno != ENOBUFS)
            return;
        // The listener stays readable; looking at it again and again would help nobody.
        loop_.unwatch(listener_.get());
        full_ = true;
        return;
    }
    const auto connection = connections_.emplace(connections_.end());
    const int fd = socket.get();
    connection->socket = std::move(socket);
    try {
        loop_.watch(fd, [this, connection] { receive(connection); });
    } catch (const std::system_error&) {
        connections_.erase(connection);
    }
}

void Server::receive(Connections::iterator connection) {
    union {
        wire::Hello hello;
        wire::Submit submit;
    } message;
    const ssize_t size =
        recv(connection->fd(), &message, sizeof(message), MSG_DONTWAIT | MSG_TRUNC);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    bool sound = false;
    if (connection->file && size == sizeof(message.submit)) {
        connection->vhost->start(connection->file, message.submit.slot);
        sound = true;
    } else if (!connection->file && !connection->joined && size == sizeof(message.hello)) {
        sound = greeted(*connection, message.hello);
    }
    if (!sound)
        end(connection);
}

bool Server::greeted(Connection& connection, const wire::Hello& hello) {
    wire::Answer answer{};
    if (hello.magic != wire::magic || hello.version != wire::version) {
        answer.error = EPROTO;
        (void)send_answer(connection.fd(), answer, -1);
        return false;
    }
    if (hello.op == wire::Op::join)
        return join(connection);
    if (hello.op == wire::Op::open) {
        answer.error = open_node(connection, hello, answer);
        if (answer.error != 0) {
            (void)send_answer(connection.fd(), answer, -1);
            return false;
        }
        const bool sent = send_answer(connection.fd(), answer, connection.file->memory());
        connection.file->close_memory();
        return sent;
    }
    if (hello.op == wire::Op::stat) {
        const Node* node = nodes_.find(address_in(hello));
        answer.error = node == nullptr ? ENOENT : 0;
        answer.minor = node == nullptr ? 0 : node->minor;
        (void)send_answer(connection.fd(), answer, -1);
    }
    return false;
}

int Server::check_exclusive(const Hctl& address, bool exclusive) const noexcept {
    const bool clash = std::ranges::any_of(connections_, [&](const Connection& other) {
        return other.file && other.file->address() == address && !other.file->detached() &&
               (exclusive || other.exclusive);
    });
    return clash ? EBUSY : 0;
}

int Server::open_node(Connection& connection, const wire::Hello& hello, wire::Answer& answer) {
    const Hctl address = address_in(hello);
    const Node* node = nodes_.find(address);
    if (node == nullptr)
        return ENOENT;
    if (const int error = check_exclusive(address, hello.exclusive != 0))
        return error;
    Vhost& vhost = *node->vhost;
    answer.minor = node->minor;
    try {
        connection.file =
            std::make_shared<OpenFile>(address, answer.minor, vhost.transport().max_transfer());
    } catch (const std::exception&) {
        return ENOMEM;
    }
    connection.file->adopt_socket(std::move(connection.socket));
    connection.vhost = &vhost;
    connection.exclusive = hello.exclusive != 0;
    return 0;
}

/// The Answer, then a message for each node's name, then one that is a newline.
bool Server::join(Connection& connection) {
    if (!send_answer(connection.fd(), {}, -1))
        return false;
    for (const Hctl& address : nodes_.addresses()) {
        const std::string name = node_name(address);
        if (send(connection.fd(), name.data(), name.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            return false;
    }
    const char end_of_list = '\n';
    if (send(connection.fd(), &end_of_list, 1, MSG_DONTWAIT | MSG_NOSIGNAL) != 1)
        return false;
    connection.joined = true;
    ++joined_;
    return true;
}

void Server::end(Connections::iterator connection) noexcept {
    loop_.unwatch(connection->fd());
    if (connection->joined)
        --joined_;
    if (connection->file)
        connection->file->close_socket();
    connections_.erase(connection);
    if (full_ && listener_) {
        full_ = false;
        try {
            loop_.watch(listener_.get(), [this] { accept_one(); });
        } catch (const std::system_error&) {
            full_ = true;
        }
    }
}

void Server::remove_node(Vhost& vhost, const Hctl& address) {
    if (!nodes_.remove(vhost, address))
        return;
    vhost.drop_queued(address);
    for (Connection& connection : connections_)
        if (connection.file && connection.file->address() == address) {
            connection.file->detach();
            detaching_ = true;
        }
}

/// Makes the nodes of a vhost those that its backend shows.
void Server::resync(Vhost& vhost) {
    const std::vector<Hctl> shown = vhost.transport().luns();
    for (const Hctl& address : nodes_.addresses_of(vhost))
        if (std::ranges::find(shown, address) == shown.end())
            remove_node(vhost, address);
    for (const Hctl& address : shown)
        nodes_.add(vhost, address);
}

void Server::on_event(Vhost& vhost, const Event& event) {
    switch (event.kind) {
    case Event::Kind::lun_added:
        nodes_.add(vhost, event.address);
        break;
    case Event::Kind::lun_removed:
        remove_node(vhost, event.address);
        break;
    case Event::Kind::reconnected:
        resync(vhost);
        for (Connection& connection : connections_)
            if (connection.file && connection.vhost == &vhost)
                connection.file->set_max_transfer(vhost.transport().max_transfer());
        break;
    case Event::Kind::closed:
        for (const Hctl& address : nodes_.addresses_of(vhost))
            remove_node(vhost, address);
        vhost.close();
        if (on_closed_)
            on_closed_();
        break;
    case Event::Kind::disconnected:
    case Event::Kind::failed:
    case Event::Kind::store_lost:
        break; // commands wait for its return
    }
}

void Server::hang_up_detached() noexcept {
    if (!detaching_)
        return;
    detaching_ = false;
    for (Connection& connection : connections_) {
        if (!connection.file || !connection.file->detached())
            continue;
        if (connection.file->in_flight() == 0)
            connection.file->hang_up();
        else
            detaching_ = true;
    }
}

/// Lets go of vhosts that are closed for good once no program has a file of theirs.
void Server::forget_closed() noexcept {
    std::erase_if(vhosts_, [this](const Vhost& vhost) {
        const bool used = std::ranges::any_of(
            connections_, [&](const Connection& other) { return other.vhost == &vhost; });
        if (!vhost.closed() || used)
            return false;
        loop_.unwatch(vhost.transport().fd());
        return true;
    });
}

std::chrono::milliseconds Server::sleep_time() const noexcept {
    std::chrono::milliseconds time{-1};
    const auto now = Clock::now();
    for (const Vhost& vhost : vhosts_)
        if (const auto deadline = vhost.deadline()) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - now);
            const auto wait = std::max(left, std::chrono::milliseconds{0});
            time = time.count() < 0 ? wait : std::min(time, wait);
        }
    return time;
}

void Server::run_once() {
    for (Vhost& vhost : vhosts_)
        vhost.pump();
    hang_up_detached();
    forget_closed();
    bool idle = true;
    for (Vhost& vhost : vhosts_)
        idle = vhost.prepare_to_sleep() && idle;
    loop_.run_once(idle ? sleep_time() : std::chrono::milliseconds{0});
}

} // namespace pvscsi::run
