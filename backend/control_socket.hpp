// The socket of common/config/control_path.hpp: connections, lines, limits. What the lines mean is
// its handler's.
//
// Thread: control. Errors: of a connection end it; those of setting up throw std::system_error.
#pragma once

#include "common/base/log.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace pvscsi::backend {

class ControlSocket {
  public:
    /// To be called once, from the control thread, now or later; a line without its newline.
    using Reply = std::function<void(std::string line)>;
    using Handler = std::function<void(std::string_view line, Reply reply)>;

    /// Nobody else may have `path`: what is there is a dead predecessor's.
    ControlSocket(boost::asio::io_context& control, const std::string& path, Handler handler);
    ~ControlSocket();
    ControlSocket(const ControlSocket&) = delete;
    ControlSocket& operator=(const ControlSocket&) = delete;

  private:
    class Connection;
    struct Shared {
        Handler handler;
        unsigned connections = 0;
    };

    void accept();

    const std::string path_;
    std::shared_ptr<Shared> shared_;
    boost::asio::local::stream_protocol::acceptor acceptor_;
    boost::asio::steady_timer pause_;
    log::PeerLog log_;
};

} // namespace pvscsi::backend
