#include "backend/control_socket.hpp"

#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include <cerrno>
#include <grp.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>

namespace pvscsi::backend {

namespace {

using boost::asio::local::stream_protocol;
using Error = boost::system::error_code;

constexpr auto group = "pvscsi";
constexpr std::size_t longest_line = 4096;
constexpr unsigned most_connections = 16;
constexpr std::chrono::seconds idle_limit{30};
constexpr std::chrono::seconds refusal_pause{1};

[[noreturn]] void fail(const std::string& path) {
    throw std::system_error(errno, std::generic_category(), "cannot make " + path);
}

stream_protocol::endpoint endpoint_at(const std::string& path) {
    if (path.size() >= sizeof(::sockaddr_un::sun_path)) {
        errno = ENAMETOOLONG;
        fail(path);
    }
    return {path};
}

/// Its owner is whom the daemon runs as; nobody else gets in before the mode is set.
stream_protocol::acceptor open_acceptor(boost::asio::io_context& control, const std::string& path) {
    const auto endpoint = endpoint_at(path);
    stream_protocol::acceptor acceptor(control, stream_protocol());
    if (::unlink(path.c_str()) != 0 && errno != ENOENT)
        fail(path);
    Error error;
    const mode_t before = ::umask(0177);
    acceptor.bind(endpoint, error);
    ::umask(before);
    if (error)
        throw std::system_error(error.value(), std::generic_category(), "cannot make " + path);
    const ::group* const entry = ::getgrnam(group);
    if (entry != nullptr && ::chown(path.c_str(), static_cast<uid_t>(-1), entry->gr_gid) == 0)
        static_cast<void>(::chmod(path.c_str(), 0660));
    acceptor.listen();
    return acceptor;
}

} // namespace

/// Reads a line, has it answered, reads the next one. It lives as long as something is under way.
class ControlSocket::Connection : public std::enable_shared_from_this<Connection> {
  public:
    Connection(std::shared_ptr<Shared> shared, stream_protocol::socket socket)
        : shared_(std::move(shared)), socket_(std::move(socket)), idle_(socket_.get_executor()) {
        ++shared_->connections;
    }
    ~Connection() { --shared_->connections; }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void read() {
        limit_time();
        boost::asio::async_read_until(
            socket_, boost::asio::dynamic_buffer(input_, longest_line), '\n',
            [self = shared_from_this()](const Error& error, std::size_t size) {
                self->idle_.cancel();
                if (!error)
                    self->handle(size);
            });
    }

  private:
    void handle(std::size_t size) {
        const std::string line = input_.substr(0, size - 1);
        input_.erase(0, size);
        shared_->handler(line, [self = shared_from_this()](std::string reply) {
            self->write(std::move(reply));
        });
    }

    void write(std::string reply) {
        output_ = std::move(reply) + '\n';
        limit_time();
        boost::asio::async_write(socket_, boost::asio::buffer(output_),
                                 [self = shared_from_this()](const Error& error, std::size_t) {
                                     self->idle_.cancel();
                                     if (!error)
                                         self->read();
                                 });
    }

    /// Ends the connection if its peer neither asks nor listens.
    void limit_time() {
        idle_.expires_after(idle_limit);
        idle_.async_wait([self = weak_from_this()](const Error& error) {
            const auto connection = self.lock();
            Error ignored;
            if (!error && connection)
                connection->socket_.close(ignored);
        });
    }

    const std::shared_ptr<Shared> shared_;
    stream_protocol::socket socket_;
    boost::asio::steady_timer idle_;
    std::string input_;
    std::string output_;
};

ControlSocket::ControlSocket(boost::asio::io_context& control, const std::string& path,
                             Handler handler)
    : path_(path), shared_(std::make_shared<Shared>(Shared{std::move(handler)})),
      acceptor_(open_acceptor(control, path)), pause_(control), log_("control socket") {
    accept();
}

ControlSocket::~ControlSocket() {
    ::unlink(path_.c_str());
}

void ControlSocket::accept() {
    acceptor_.async_accept([this](const Error& error, stream_protocol::socket socket) {
        if (error == boost::asio::error::operation_aborted)
            return;
        if (!error) {
            // One too many is closed at once: its peer sees that, and may come again.
            if (shared_->connections < most_connections)
                std::make_shared<Connection>(shared_, std::move(socket))->read();
            return accept();
        }
        // Out of descriptors, most likely: the one that waits would be refused again at once.
        log_.warning("control connection not accepted error=\"{}\"", error.message());
        pause_.expires_after(refusal_pause);
        pause_.async_wait([this](const Error& ended) {
            if (!ended)
                accept();
        });
    });
}

} // namespace pvscsi::backend
