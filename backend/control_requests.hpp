// What the daemon can be asked over its control socket (common/config/control_path.hpp).
// Thread: control. Errors: as "error" of the reply; a request that makes no sense gets one, too.
#pragma once

#include "backend/control_socket.hpp"
#include "backend/statistics.hpp"

#include <functional>
#include <string>
#include <vector>

namespace pvscsi::backend {

/// What the requests are about, of the daemon.
struct ControlActions {
    /// Reads the settings again; what is wrong with them, if they stay as they were.
    std::function<std::vector<std::string>()> reload;
    using TakeStatistics = std::function<void(std::vector<LunStatistics>)>;
    /// Calls back on the control thread.
    std::function<void(TakeStatistics)> statistics;
    std::string version;
    unsigned threads = 0;
};

[[nodiscard]] ControlSocket::Handler control_requests(ControlActions actions);

} // namespace pvscsi::backend
