// Vhosts that a toolstack adds while the guest's programs run: noticed in the store, and opened.
//
// A new device is one that nobody has used: its frontend's state is Initialising, as the toolstack
// has made it. A device that a program was driven off from, or could not connect to, is in another
// state, and left alone until the toolstack makes it anew.
//
// Thread: the server's. Errors: the constructor throws; later ones are printed.
#pragma once

#include "common/hypervisor/store.hpp"
#include "frontend/run/loop.hpp"
#include "frontend/run/server.hpp"

#include <functional>
#include <memory>

namespace pvscsi::run {

class VhostWatch {
  public:
    /// Opens the device of that number; may throw.
    using Open = std::function<std::unique_ptr<Transport>(std::uint32_t number)>;

    VhostWatch(Loop& loop, Server& server, std::unique_ptr<hv::Store> store, DomId guest,
               Open open);
    VhostWatch(const VhostWatch&) = delete;
    VhostWatch& operator=(const VhostWatch&) = delete;
    ~VhostWatch();

  private:
    void look();
    [[nodiscard]] bool is_new(std::uint32_t number);

    Loop& loop_;
    Server& server_;
    std::unique_ptr<hv::Store> store_;
    std::string root_;
    Open open_;
};

} // namespace pvscsi::run
