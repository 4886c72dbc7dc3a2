// Runs a program to its end, without a shell.
#pragma once

#include <string>
#include <vector>

namespace pvscsi::hv::xen {

/// Returns the end of what it printed. Standard input is empty. Throws std::system_error if the
/// program cannot be started, and std::runtime_error with the end of what it printed if it fails.
std::string run_program(const std::vector<std::string>& arguments);

} // namespace pvscsi::hv::xen
