// What the daemon goes by may be said on its command line (--config, --record-dir), which
// pvscsictl does not see: so it leaves a note beside its control socket, and whoever looks at
// things as the daemon does reads that. It stays when the daemon ends: the next one is likely to be
// started so again.
// Thread: any.
#pragma once

#include <string>

namespace pvscsi::config {

struct StartedWith {
    std::string settings_file; ///< absolute
    std::string record_dir;    ///< empty: as the settings say
};

/// `host_dir` is the embedded host's; empty: on Xen. Throws std::system_error.
void tell_started_with(const std::string& host_dir, const StartedWith& with);
/// Of the last daemon since the host runs; without a note that can be read, the usual places.
[[nodiscard]] StartedWith started_with(const std::string& host_dir);

} // namespace pvscsi::config
