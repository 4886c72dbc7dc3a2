// The fabric's words of command; README.md lists them.
#pragma once

#include "common/base/expected.hpp"
#include "tests/npiv/fabric/fabric.hpp"

namespace pvscsi::fabric {

/// What it says, as lines; or what is wrong with the command.
using Answer = Expected<std::string, std::string>;

[[nodiscard]] Answer command(Fabric& fabric, std::string_view line);

} // namespace pvscsi::fabric
