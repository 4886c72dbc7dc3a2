// What a PDEV leads to, so that a daemon which takes a connection over does not serve the guest
// something else under the same name: a file that was replaced, a node that was given to another
// device. Thread: control; asks the file system and sysfs, never the device.
#pragma once

#include <string>

namespace pvscsi::backend {

/// One line; empty if nothing is there or it can't be told.
[[nodiscard]] std::string identity_of(const std::string& pdev);

/// What it leads to as far as a boot leaves that as it is: for a person to read, and another text
/// for another unit, as far as this host can tell; a disk or file of another size is another one.
[[nodiscard]] std::string unit_over_boots(const std::string& pdev);

/// The contents are the daemon's memory, and end with it.
[[nodiscard]] bool ends_with_the_daemon(const std::string& pdev);

} // namespace pvscsi::backend
