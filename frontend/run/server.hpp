// The server inside pvscsi-run: the nodes of one domain for any number of programs, over a Unix
// socket. Programs are strangers to it: what they send is checked, and what one of them does
// wrong ends that one's connection.
// Thread: one. Errors: std::system_error from the constructor and add_vhost().
#pragma once

#include "common/base/unique_fd.hpp"
#include "frontend/run/loop.hpp"
#include "frontend/run/nodes.hpp"
#include "frontend/run/vhost.hpp"

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

namespace pvscsi::run {

class Server {
  public:
    /// Listens on `path`, which must not exist.
    Server(Loop& loop, std::string path, std::chrono::milliseconds patience);
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server();

    void add_vhost(std::uint32_t number, std::unique_ptr<Transport> transport);
    /// There is a vhost of that number, and it is not closed for good.
    [[nodiscard]] bool has_vhost(std::uint32_t number) const noexcept;
    /// Called when a vhost is closed for good.
    void on_closed(std::function<void()> handler) { on_closed_ = std::move(handler); }
    /// Addresses of the nodes, in order.
    [[nodiscard]] std::vector<Hctl> nodes() const { return nodes_.addresses(); }
    /// Other pvscsi-runs that live on this one.
    [[nodiscard]] unsigned joined() const noexcept { return joined_; }
    /// Refuses newcomers from now on; the socket is gone.
    void stop_listening() noexcept;

    /// Does what there is to do, then waits for more.
    void run_once();

  private:
    /// One program's socket; `file` once it has opened a node.
    struct Connection {
        UniqueFd socket; ///< moves into `file`
        std::shared_ptr<OpenFile> file;
        Vhost* vhost = nullptr;
        bool exclusive = false;
        bool joined = false;
        [[nodiscard]] int fd() const noexcept { return file ? file->socket() : socket.get(); }
    };
    using Connections = std::list<Connection>;

    void accept_one();
    void receive(Connections::iterator connection);
    /// False: the connection is at its end.
    bool greeted(Connection& connection, const wire::Hello& hello);
    int open_node(Connection& connection, const wire::Hello& hello, wire::Answer& answer);
    int check_exclusive(const Hctl& address, bool exclusive) const noexcept;
    bool join(Connection& connection);
    void end(Connections::iterator connection) noexcept;

    void on_event(Vhost& vhost, const Event& event);
    void remove_node(Vhost& vhost, const Hctl& address);
    void resync(Vhost& vhost);
    void hang_up_detached() noexcept;
    void forget_closed() noexcept;
    [[nodiscard]] std::chrono::milliseconds sleep_time() const noexcept;

    Loop& loop_;
    std::string path_;
    std::chrono::milliseconds patience_;
    UniqueFd listener_;
    std::function<void()> on_closed_;
    std::list<Vhost> vhosts_;
    NodeTable nodes_;
    Connections connections_;
    unsigned joined_ = 0;
    bool detaching_ = false;
    bool full_ = false; ///< out of descriptors; listening again when one is free
};

} // namespace pvscsi::run
