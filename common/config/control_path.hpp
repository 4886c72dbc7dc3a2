// Where the daemon can be spoken to while it runs: a Unix stream socket. One JSON object a line
// each way, a reply for each request, in order:
//
//   {"do": "statistics"}                    counts of every LUN, and what the daemon is
//   {"do": "reload"}                        as SIGHUP, but the mistakes come back
//   {"do": "log-level"}                     tells it; with "level": "debug" ... sets it
//   {"do": "accept", "domain": "web"}       what its LUNs lead to is right; with "vdev": of one
//   {"do": "inject", "domid": 1, "vhost": 0, "channel": 0, "target": 0, "lun": 0}
//                                           tells a LUN's faults; "clear": true ends them, and
//                                           "rules": ["drop", ...] sets more
//
// A reply has "error", a text or several, or what was asked for. Who may open the socket may do
// all of it: root, and the group `pvscsi` where there is one.
#pragma once

#include <string>

namespace pvscsi::config {

/// `host_dir` is the embedded host's; empty: on Xen.
[[nodiscard]] inline std::string control_path(const std::string& host_dir) {
    return (host_dir.empty() ? "/run/pvscsi" : host_dir + "/pvscsid") + "/control";
}

} // namespace pvscsi::config
