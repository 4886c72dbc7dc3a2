// What the daemon can be asked over its control socket (common/config/control_path.hpp).
// Thread: control. Errors: as "error" of the reply, with "missing" where what was named is not
// there; a request that makes no sense gets one, too.
#pragma once

#include "backend/control_socket.hpp"
#include "backend/inject/request.hpp"
#include "backend/statistics.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace pvscsi::backend {

namespace npiv {
class Vports;
}

struct InjectRequest {
    DomId guest;
    DevId device;
    ring::Address address;
    inject::Change change;
};

/// What the requests are about, of the daemon.
struct ControlActions {
    /// Reads the settings again; what is wrong with them, if they stay as they were.
    std::function<std::vector<std::string>()> reload;
    using TakeStatistics = std::function<void(std::vector<LunStatistics>)>;
    /// Calls back on the control thread.
    std::function<void(TakeStatistics)> statistics;
    /// The names of the domains that have LUNs here, as far as they can be told.
    std::function<std::map<DomId, std::string>()> domains;
    /// Sets, clears and tells the faults of a LUN; calls back on the control thread.
    std::function<void(const InjectRequest&, inject::TakeAnswer)> change_faults;
    /// What a domain's names lead to is right (Registry::accept); what could not be done.
    std::function<std::string(const std::string& domain, const std::string& vdev)> accept;
    std::function<bool(const std::string& domain)> knows; ///< Registry::knows
    /// A LUN by its name=: Registry::vdev_of.
    std::function<std::optional<std::string>(const std::string& domain, const std::string& name)>
        vdev_of;
    npiv::Vports* vports = nullptr; ///< none: there are none to tell of
    std::string version;
    unsigned threads = 0;
};

[[nodiscard]] ControlSocket::Handler control_requests(ControlActions actions);

} // namespace pvscsi::backend
