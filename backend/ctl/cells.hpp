// What tables and lines for reading are made of. Thread: any. Errors: none.
#pragma once

#include <cstdint>
#include <string>

namespace pvscsi::ctl {

/// Safe to print; "-" if it is empty.
[[nodiscard]] std::string or_dash(const std::string& text);

/// "1.5 GiB"
[[nodiscard]] std::string memory_text(std::uint64_t bytes);
/// As disks are sold, in powers of ten: "275 GB"; "-" for none.
[[nodiscard]] std::string capacity_text(std::uint64_t bytes);

} // namespace pvscsi::ctl
