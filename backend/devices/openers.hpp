// Processes of this host that have a SCSI unit's nodes open: st0 and its like, sg3, sch0, bsg. A
// disk is guarded by those who mount it; a tape or a robot is its program's alone, and one that
// shares it without knowing loses its place on the tape.
//
// Source: proc_pid_fd(5). Thread: any. Errors: none; what may not be looked at is left out.
#pragma once

#include "backend/devices/users.hpp"

namespace pvscsi::devices {

/// The same of the tape or changer at an sg node, a text each: "mt (pid 812) has nst0 open". None
/// of what other units are. pvscsid is left out: it is asked for by its own means.
[[nodiscard]] std::vector<std::string> openers_of_unit(const std::string& sg_node,
                                                       const Roots& roots = {});

/// It is a tape or changer whose sg node is open, be it for somebody whom this process may not see,
/// or for this process. Opens it for a moment, alone; sends nothing.
[[nodiscard]] bool is_held(const std::string& sg_node, const Roots& roots = {});

} // namespace pvscsi::devices
