// What would become of an entry on this host, for `check`: what serves it, which unit it is, how
// large, whether its name stays, and what the daemon would refuse that the toolstack does not.
// Opens nothing.
// Thread and errors: as verbs.hpp.
#pragma once

#include "backend/ctl/verbs.hpp"

#include <string>
#include <vector>

namespace pvscsi::ctl {

/// Of the domain `domain`, whose units are remembered by name; empty: of none in particular.
[[nodiscard]] std::vector<EntryOutcome>
outcomes_of(const Context& context, const std::vector<Lun>& here, const std::string& domain);

/// A line for reading: "0:0:0:0: disk of 67 MB, passed through, naa.33333330000007d0".
[[nodiscard]] std::string text_of(const EntryOutcome& outcome);

/// After check.schema.json.
[[nodiscard]] std::string to_json(const CheckResult& result);

} // namespace pvscsi::ctl
