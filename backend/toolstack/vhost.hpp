// Which vhost: of whom, served by whom; and where its nodes are.
#pragma once

#include "common/xenbus/nodes.hpp"

#include <string>

namespace pvscsi::toolstack {

/// Where the toolstack is: it gives guests their vhosts. Other domains only serve.
inline constexpr DomId toolstack_domain{0};

struct Vhost {
    DomId backend;
    DomId guest;
    DevId device; ///< the vhost number, first figure of its VDEVs

    [[nodiscard]] std::string back() const { return xenbus::backend_path(backend, guest, device); }
    [[nodiscard]] std::string front() const { return xenbus::frontend_path(guest, device); }
    [[nodiscard]] std::string back_lun(unsigned number) const {
        return back() + "/vscsi-devs/dev-" + std::to_string(number);
    }
    [[nodiscard]] std::string front_lun(unsigned number) const {
        return front() + "/vscsi-devs/dev-" + std::to_string(number);
    }
    /// By a driver domain.
    [[nodiscard]] bool served_elsewhere() const { return backend != toolstack_domain; }
    friend bool operator==(const Vhost&, const Vhost&) = default;
};

} // namespace pvscsi::toolstack
